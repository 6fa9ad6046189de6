"""What a bot keeps and does: its tables, schedules of places, actions, and calls to other systems."""
