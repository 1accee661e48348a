"""The local cloud: an AWS emulator, patched where it differs from AWS, and the stack on it."""
