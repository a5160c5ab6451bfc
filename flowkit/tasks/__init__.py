"""Ready-made tasks, under their homes in Prefect classic."""
