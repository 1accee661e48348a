"""The service plan: its values, how a document is read and checked, publishing and storage."""
