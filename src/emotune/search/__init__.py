"""The search: a space, methods that propose, workers that train."""
