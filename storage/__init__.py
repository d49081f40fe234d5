"""What is kept: the schema, the engine, writes, queries and migrations."""
