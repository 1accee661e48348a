"""The laptop's cloud: an emulator of AWS, mended where it differs, and the stack deployed on it."""
