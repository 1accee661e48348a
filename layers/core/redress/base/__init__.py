"""What every subject may import: errors, settings, languages, what operations see."""
