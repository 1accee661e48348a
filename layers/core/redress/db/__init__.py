"""The DynamoDB table: its keys, its row models, retries and a small client for cold starts."""
