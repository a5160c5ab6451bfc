"""Tasks on a Dask cluster: cluster.py opens and closes one, crew.py drives it from here, there.py is what
runs on it, and held.py are values that stay there.
"""
