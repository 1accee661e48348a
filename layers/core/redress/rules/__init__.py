"""What the product promises, as pure functions: no AWS, no environment, no clock, no logger."""
