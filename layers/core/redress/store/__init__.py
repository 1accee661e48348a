"""The one store: DynamoDB. Item models never leave this package; it speaks in rules' types."""
