"""Commands that operate a deployed stack, on AWS or on this laptop."""
