"""The commands, one module for each subject. `add` adds those of a module to the application."""
