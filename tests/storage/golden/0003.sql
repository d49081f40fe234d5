BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE attempts (
	id INTEGER NOT NULL, 
	evaluation_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	token VARCHAR(128) NOT NULL, 
	worker_id INTEGER NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	started_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	message VARCHAR, 
	CONSTRAINT pk_attempts PRIMARY KEY (id), 
	CONSTRAINT ck_attempts_finished_at_when_finished CHECK ((status = 'running') = (finished_at IS NULL)), 
	CONSTRAINT ck_attempts_status_known CHECK (status IN ('running', 'completed', 'lost', 'handed-back', 'error', 'superseded')), 
	CONSTRAINT ck_attempts_number_valid CHECK (number >= 1), 
	CONSTRAINT fk_attempts_evaluation_id FOREIGN KEY(evaluation_id) REFERENCES evaluations (id) ON DELETE CASCADE, 
	CONSTRAINT fk_attempts_worker_id FOREIGN KEY(worker_id) REFERENCES workers (id), 
	CONSTRAINT uq_attempts_evaluation_id_number UNIQUE (evaluation_id, number), 
	CONSTRAINT uq_attempts_token UNIQUE (token)
);
INSERT INTO "attempts" VALUES(1,1,1,'token-1',1,'completed','2026-11-24 05:18:05.156337','2026-11-24 05:18:05.158534',NULL);
INSERT INTO "attempts" VALUES(2,2,1,'token-2',1,'completed','2026-11-24 05:18:05.174602','2026-11-24 05:18:05.174876',NULL);
INSERT INTO "attempts" VALUES(3,3,1,'token-3',1,'completed','2026-11-24 05:18:05.175354','2026-11-24 05:18:05.175536',NULL);
INSERT INTO "attempts" VALUES(4,4,1,'lost-1',1,'lost','2026-11-24 05:18:05.175845','2026-11-24 05:18:05.175947','no heartbeat for 30 s');
INSERT INTO "attempts" VALUES(5,4,2,'lost-2',1,'lost','2026-11-24 05:18:05.181231','2026-11-24 05:18:05.181390','no heartbeat for 30 s');
INSERT INTO "attempts" VALUES(6,4,3,'lost-3',1,'lost','2026-11-24 05:18:05.181536','2026-11-24 05:18:05.181636','no heartbeat for 30 s');
INSERT INTO "attempts" VALUES(7,5,1,'open',1,'running','2026-11-24 05:18:05.183862',NULL,NULL);
INSERT INTO "attempts" VALUES(8,6,1,'token-6',1,'completed','2026-11-24 05:18:05.184283','2026-11-24 05:18:05.184451',NULL);
INSERT INTO "attempts" VALUES(9,7,1,'token-7',1,'completed','2026-11-24 05:18:05.198168','2026-11-24 05:18:05.198386',NULL);
INSERT INTO "attempts" VALUES(10,8,1,'digits-1',1,'completed','2026-11-24 18:11:30.279638','2026-11-24 18:11:30.281268',NULL);
CREATE TABLE configurations (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	iteration INTEGER NOT NULL, 
	stage INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	origin VARCHAR(16) NOT NULL, 
	info JSON NOT NULL, 
	architecture VARCHAR, 
	created_at DATETIME NOT NULL, hyperparameters JSON DEFAULT '{}' NOT NULL, parameter_learning_rate DOUBLE, parameter_weight_decay DOUBLE, parameter_warm_up BOOLEAN, alpha_learning_rate DOUBLE, alpha_weight_decay DOUBLE, alpha_warm_up BOOLEAN, alpha_scheduler VARCHAR(32), alpha_optimizer VARCHAR(32), 
	CONSTRAINT pk_configurations PRIMARY KEY (id), 
	CONSTRAINT ck_configurations_origin_known CHECK (origin IN ('model', 'random', 'preset', 'fixed')), 
	CONSTRAINT ck_configurations_id_valid CHECK (iteration >= 0 AND stage >= 0 AND number >= 0), 
	CONSTRAINT fk_configurations_run_id FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE, 
	CONSTRAINT uq_configurations_run_id_id UNIQUE (run_id, id), 
	CONSTRAINT uq_configurations_run_id_iteration_stage_number UNIQUE (run_id, iteration, stage, number)
);
INSERT INTO "configurations" VALUES(1,1,0,0,0,'random','{"model_based_pick": true}',NULL,'2026-11-24 05:18:05.140172','{"parameter_learning_rate": 0.001, "parameter_weight_decay": 1e-08, "parameter_warm_up": false, "alpha_learning_rate": 0.001, "alpha_weight_decay": 0.001, "alpha_warm_up": true, "alpha_scheduler": "linear", "alpha_optimizer": "gradient-descent"}',0.001,1.0e-08,0,0.001,0.001,1,'linear','gradient-descent');
INSERT INTO "configurations" VALUES(2,1,0,0,1,'model','{"model_based_pick": true}',NULL,'2026-11-24 05:18:05.146353','{"parameter_learning_rate": 0.001, "parameter_weight_decay": 1e-08, "parameter_warm_up": false, "alpha_learning_rate": 0.0001, "alpha_weight_decay": 0.0001, "alpha_warm_up": true, "alpha_scheduler": "linear", "alpha_optimizer": "gradient-descent"}',0.001,1.0e-08,0,0.0001,0.0001,1,'linear','gradient-descent');
INSERT INTO "configurations" VALUES(3,1,0,0,2,'model','{"model_based_pick": true}',NULL,'2026-11-24 05:18:05.146771','{"parameter_learning_rate": 0.0014232405, "parameter_weight_decay": 8.616e-07, "parameter_warm_up": false, "alpha_learning_rate": 0.0836808765, "alpha_weight_decay": 5.05099e-05, "alpha_warm_up": false, "alpha_scheduler": "linear", "alpha_optimizer": "adam"}',0.0014232405,8.616e-07,0,0.0836808765,5.05099e-05,0,'linear','adam');
INSERT INTO "configurations" VALUES(4,1,0,0,3,'random','{"model_based_pick": true}',NULL,'2026-11-24 05:18:05.146980','{"parameter_learning_rate": 0.0020448382, "parameter_weight_decay": 5.04e-08, "parameter_warm_up": true, "alpha_learning_rate": 0.0100063746, "alpha_weight_decay": 0.0058022776, "alpha_warm_up": true, "alpha_scheduler": "linear", "alpha_optimizer": "gradient-descent"}',0.0020448382,5.04e-08,1,0.0100063746,0.0058022776,1,'linear','gradient-descent');
INSERT INTO "configurations" VALUES(5,1,0,0,4,'model','{"model_based_pick": true}',NULL,'2026-11-24 05:18:05.147149','{"parameter_learning_rate": 0.0020882283, "parameter_weight_decay": 4.4e-08, "parameter_warm_up": false, "alpha_learning_rate": 8.43195e-05, "alpha_weight_decay": 0.0127425783, "alpha_warm_up": true, "alpha_scheduler": "linear", "alpha_optimizer": "adam"}',0.0020882283,4.4e-08,0,8.43195e-05,0.0127425783,1,'linear','adam');
INSERT INTO "configurations" VALUES(6,2,0,0,0,'fixed','{"model_based_pick": true}','sequential:learnable-gradient,learnable-gradient,learnable-gradient,learnable-gradient,learnable-gradient,learnable-gradient,learnable-gradient,learnable-gradient,learnable-gradient,learnable-gradient','2026-11-24 05:18:05.197794','{"parameter_learning_rate": 0.001, "parameter_weight_decay": 1e-08, "parameter_warm_up": false, "alpha_learning_rate": 0.001, "alpha_weight_decay": 0.001, "alpha_warm_up": true, "alpha_scheduler": "linear", "alpha_optimizer": "gradient-descent"}',0.001,1.0e-08,0,0.001,0.001,1,'linear','gradient-descent');
INSERT INTO "configurations" VALUES(7,3,0,0,0,'random','{}',NULL,'2026-11-24 18:11:30.273703','{"learning_rate": 0.05, "layers": 3, "augment": true, "schedule": "cosine"}',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE epochs (
	evaluation_id INTEGER NOT NULL, 
	phase VARCHAR(64) NOT NULL, 
	epoch INTEGER NOT NULL, 
	training_loss DOUBLE, 
	training_score DOUBLE, 
	validation_loss DOUBLE, 
	validation_score DOUBLE, 
	alpha JSON, 
	CONSTRAINT pk_epochs PRIMARY KEY (evaluation_id, phase, epoch), 
	CONSTRAINT fk_epochs_evaluation_id FOREIGN KEY(evaluation_id) REFERENCES evaluations (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "epochs" VALUES(1,'retrain',1,0.4,11.0,NULL,NULL,NULL);
INSERT INTO "epochs" VALUES(1,'search',1,0.5,10.0,0.6,9.5,'[[0.25, 0.75], [0.1, 0.9]]');
INSERT INTO "epochs" VALUES(2,'retrain',1,0.4,11.0,NULL,NULL,NULL);
INSERT INTO "epochs" VALUES(2,'search',1,0.5,10.0,0.6,9.5,'[[0.25, 0.75], [0.1, 0.9]]');
INSERT INTO "epochs" VALUES(6,'retrain',1,0.4,11.0,NULL,NULL,NULL);
INSERT INTO "epochs" VALUES(6,'search',1,0.5,10.0,0.6,9.5,'[[0.25, 0.75], [0.1, 0.9]]');
INSERT INTO "epochs" VALUES(7,'retrain',1,0.4,11.0,NULL,NULL,NULL);
INSERT INTO "epochs" VALUES(7,'search',1,0.5,10.0,0.6,9.5,'[[0.25, 0.75], [0.1, 0.9]]');
INSERT INTO "epochs" VALUES(8,'search',1,1.5,0.5,1.25,0.75,'[[0.5, 0.5]]');
CREATE TABLE evaluations (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	configuration_id INTEGER NOT NULL, 
	budget DOUBLE NOT NULL, 
	replicate INTEGER NOT NULL, 
	seed BIGINT NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	sequence INTEGER, 
	loss DOUBLE, 
	one_shot_score DOUBLE, 
	architecture_score DOUBLE, 
	architecture VARCHAR, 
	parameters INTEGER, 
	kernel VARCHAR(32), 
	device VARCHAR, 
	attempts INTEGER DEFAULT 0 NOT NULL, 
	worker_id INTEGER, 
	queued_at DATETIME NOT NULL, 
	started_at DATETIME, 
	finished_at DATETIME, 
	duration_s DOUBLE, 
	search_s DOUBLE, 
	retrain_s DOUBLE, 
	message VARCHAR, extras JSON DEFAULT '{}' NOT NULL, fingerprint VARCHAR(64), 
	CONSTRAINT pk_evaluations PRIMARY KEY (id), 
	CONSTRAINT ck_evaluations_sequence_when_finished CHECK ((sequence IS NOT NULL) = (status IN ('completed', 'diverged', 'failed'))), 
	CONSTRAINT ck_evaluations_loss_when_completed CHECK (loss IS NULL OR status = 'completed'), 
	CONSTRAINT ck_evaluations_status_known CHECK (status IN ('queued', 'running', 'completed', 'diverged', 'failed')), 
	CONSTRAINT ck_evaluations_finished_at_when_finished CHECK ((sequence IS NULL) = (finished_at IS NULL)), 
	CONSTRAINT ck_evaluations_budget_positive CHECK (budget > 0), 
	CONSTRAINT ck_evaluations_replicate_valid CHECK (replicate >= 0), 
	CONSTRAINT fk_evaluations_run_id_configuration_id FOREIGN KEY(run_id, configuration_id) REFERENCES configurations (run_id, id) ON DELETE CASCADE, 
	CONSTRAINT fk_evaluations_worker_id FOREIGN KEY(worker_id) REFERENCES workers (id), 
	CONSTRAINT uq_evaluations_configuration_id_budget_replicate UNIQUE (configuration_id, budget, replicate), 
	CONSTRAINT uq_evaluations_run_id_sequence UNIQUE (run_id, sequence)
);
INSERT INTO "evaluations" VALUES(1,1,1,5.0,0,0,'completed',1,-20.5,20.5,19.5,'sequential:net,net,net,net,net,net,net,net,net,net',970,'fused','cpu',1,1,'2026-11-24 05:18:05.145604','2026-11-24 05:18:05.156337','2026-11-24 05:18:05.158534',2.5,1.0,0.5,NULL,'{}',NULL);
INSERT INTO "evaluations" VALUES(2,1,2,5.0,0,1,'completed',2,-21.25,21.25,20.25,'sequential:net,net,net,net,net,net,net,net,net,net',970,'fused','cpu',1,1,'2026-11-24 05:18:05.146677','2026-11-24 05:18:05.174602','2026-11-24 05:18:05.174876',2.5,1.0,0.5,NULL,'{}',NULL);
INSERT INTO "evaluations" VALUES(3,1,3,5.0,0,2,'diverged',3,NULL,NULL,NULL,NULL,NULL,'torch','cpu',1,1,'2026-11-24 05:18:05.146916','2026-11-24 05:18:05.175354','2026-11-24 05:18:05.175536',2.5,0.0,0.0,'the loss became infinite in step 3','{}',NULL);
INSERT INTO "evaluations" VALUES(4,1,4,5.0,0,3,'failed',4,NULL,NULL,NULL,NULL,NULL,NULL,NULL,3,1,'2026-11-24 05:18:05.147094','2026-11-24 05:18:05.181536','2026-11-24 05:18:05.181636',NULL,NULL,NULL,'no heartbeat for 30 s','{}',NULL);
INSERT INTO "evaluations" VALUES(5,1,5,5.0,0,4,'running',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,1,'2026-11-24 05:18:05.147419','2026-11-24 05:18:05.183862',NULL,NULL,NULL,NULL,NULL,'{}',NULL);
INSERT INTO "evaluations" VALUES(6,1,2,15.0,0,1,'completed',5,-22.125,22.125,21.125,'sequential:net,net,net,net,net,net,net,net,net,net',970,'fused','cpu',1,1,'2026-11-24 05:18:05.184115','2026-11-24 05:18:05.184283','2026-11-24 05:18:05.184451',2.5,1.0,0.5,NULL,'{}',NULL);
INSERT INTO "evaluations" VALUES(7,2,6,5.0,0,0,'completed',1,NULL,NULL,18.0,'sequential:net,net,net,net,net,net,net,net,net,net',970,'fused','cpu',1,1,'2026-11-24 05:18:05.198005','2026-11-24 05:18:05.198168','2026-11-24 05:18:05.198386',2.5,1.0,0.5,NULL,'{}',NULL);
INSERT INTO "evaluations" VALUES(8,3,7,1.0,0,17,'completed',1,-0.875,0.875,NULL,'conv3,skip',1200,'numpy','cpu',1,1,'2026-11-24 18:11:30.278711','2026-11-24 18:11:30.279638','2026-11-24 18:11:30.281268',1.0,0.0,0.0,NULL,'{"entropy": 0.25}','0123456789abcdef');
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	objective VARCHAR(32) NOT NULL, 
	space VARCHAR(64) NOT NULL, 
	operations VARCHAR(64) NOT NULL, 
	data VARCHAR(64) NOT NULL, 
	method VARCHAR(64) NOT NULL, 
	optimizer VARCHAR(64) NOT NULL, 
	seed BIGINT NOT NULL, 
	settings JSON NOT NULL, 
	version VARCHAR(64) NOT NULL, 
	sequence INTEGER DEFAULT 0 NOT NULL, 
	lease_owner VARCHAR, 
	lease_expires_at DATETIME, 
	created_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	message VARCHAR, task VARCHAR(64) DEFAULT 'inverse-1d' NOT NULL, metric VARCHAR(64) DEFAULT 'PSNR' NOT NULL, metric_unit VARCHAR(64) DEFAULT 'dB' NOT NULL, larger_is_better BOOLEAN DEFAULT 1 NOT NULL, task_settings JSON DEFAULT '{}' NOT NULL, fingerprint VARCHAR(64), request VARCHAR(16) CONSTRAINT ck_runs_request_known CHECK (request IN ('cancel', 'pause')), note VARCHAR, tags JSON DEFAULT '[]' NOT NULL, 
	CONSTRAINT pk_runs PRIMARY KEY (id), 
	CONSTRAINT ck_runs_kind_known CHECK (kind IN ('run', 'campaign')), 
	CONSTRAINT ck_runs_status_known CHECK (status IN ('running', 'completed', 'interrupted', 'failed')), 
	CONSTRAINT ck_runs_lease_whole CHECK ((lease_owner IS NULL) = (lease_expires_at IS NULL)), 
	CONSTRAINT uq_runs_name UNIQUE (name)
);
INSERT INTO "runs" VALUES(1,'golden','run','running','one-shot','sequential','good','blur','das','bohb',9223372036854775807,'{"iterations": 4, "aggregate": "mean", "choices": {"tau": 0.1, "residual": true}}','0.1.0',5,'master-of-another-day','2026-11-24 04:18:05.185000','2026-11-24 05:18:05.138802',NULL,NULL,'inverse-1d','PSNR','dB',1,'{"space": "sequential", "operations": "good", "data": "blur", "method": "das", "tau": 0.1, "residual": true}',NULL,NULL,NULL,'[]');
INSERT INTO "runs" VALUES(2,'baseline','campaign','completed','architecture','sequential','good','blur','das','random-search',9223372036854775807,'{"iterations": 4, "aggregate": "mean", "choices": {"tau": 0.1, "residual": true}}','0.1.0',1,NULL,NULL,'2026-11-24 05:18:05.197572','2026-11-24 05:18:05.198844',NULL,'inverse-1d','PSNR','dB',1,'{"space": "sequential", "operations": "good", "data": "blur", "method": "das", "tau": 0.1, "residual": true}',NULL,NULL,NULL,'[]');
INSERT INTO "runs" VALUES(3,'digits','run','running','one-shot','cell','conv3, pool, skip','digits','darts','bohb',1,'{"task": "examples.digits:TASK", "iterations": 1}','0.1.0',1,NULL,NULL,'2026-11-24 18:11:30.272853',NULL,NULL,'digits','accuracy','',1,'{"channels": 8}','0123456789abcdef','cancel','the first one','["blur", "lab"]');
CREATE TABLE workers (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	host VARCHAR NOT NULL, 
	pid BIGINT NOT NULL, 
	device VARCHAR NOT NULL, 
	version VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_workers PRIMARY KEY (id), 
	CONSTRAINT uq_workers_name_host_pid_device_version UNIQUE (name, host, pid, device, version)
);
INSERT INTO "workers" VALUES(1,'worker-1','node-1',4711,'cpu','0.1.0','2026-11-24 05:18:05.148183');
CREATE INDEX ix_evaluations_run_id_status_budget_loss ON evaluations (run_id, status, budget, loss);
CREATE UNIQUE INDEX uq_attempts_completed ON attempts (evaluation_id) WHERE status = 'completed';
CREATE UNIQUE INDEX uq_attempts_running ON attempts (evaluation_id) WHERE status = 'running';
CREATE VIEW results AS
SELECT runs.name AS run,
       runs.objective AS objective,
       runs.space AS space,
       runs.operations AS operations,
       runs.data AS data,
       runs.method AS method,
       configurations.iteration AS iteration,
       configurations.stage AS stage,
       configurations.number AS number,
       evaluations.budget AS budget,
       evaluations.replicate AS replicate,
       evaluations.seed AS seed,
       evaluations.status AS status,
       evaluations.loss AS loss,
       CASE WHEN runs.metric = 'PSNR' THEN evaluations.one_shot_score END AS one_shot_psnr,
       CASE WHEN runs.metric = 'PSNR' THEN evaluations.architecture_score END AS architecture_psnr,
       coalesce(evaluations.architecture, configurations.architecture) AS architecture,
       configurations.origin AS origin,
       workers.name AS worker,
       evaluations.attempts AS attempts,
       evaluations.started_at AS started_at,
       evaluations.finished_at AS finished_at,
       evaluations.duration_s AS duration_s,
       configurations.parameter_learning_rate AS parameter_learning_rate,
       configurations.parameter_weight_decay AS parameter_weight_decay,
       configurations.parameter_warm_up AS parameter_warm_up,
       configurations.alpha_learning_rate AS alpha_learning_rate,
       configurations.alpha_weight_decay AS alpha_weight_decay,
       configurations.alpha_warm_up AS alpha_warm_up,
       configurations.alpha_scheduler AS alpha_scheduler,
       configurations.alpha_optimizer AS alpha_optimizer,
       evaluations.message AS message,
       evaluations.kernel AS kernel,
       evaluations.device AS device,
       evaluations.parameters AS parameters,
       evaluations.sequence AS sequence,
       runs.task AS task,
       runs.metric AS metric,
       evaluations.one_shot_score AS one_shot_score,
       evaluations.architecture_score AS architecture_score,
       runs.task_settings AS settings,
       configurations.hyperparameters AS hyperparameters,
       evaluations.extras AS extras,
       evaluations.fingerprint AS fingerprint
FROM evaluations
JOIN configurations ON configurations.run_id = evaluations.run_id AND configurations.id = evaluations.configuration_id
JOIN runs ON runs.id = evaluations.run_id
LEFT JOIN workers ON workers.id = evaluations.worker_id;
COMMIT;
