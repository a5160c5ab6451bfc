"""WHERE things are: the project's root and state folder, its settings, its registry, and the flow files.

Nothing here runs a flow. Only `loader` executes user code, and `inspection` has it do so in a child.
"""
