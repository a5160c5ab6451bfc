"""Tasks in workers of Ray: crew.py has the workers of a run, worker.py drives one from here, desk.py is what
runs there, and values that stay there.
"""
