"""A gateway in a house where everything goes wrong, and a judge who sees what comes through."""
