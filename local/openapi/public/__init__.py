"""The public API: the customers' JSON API and pages. Answers and texts are files by subject."""
