"""The command line, a module a command.

Modules of commands import at their top what costs nothing, and the rest inside: ``voicesrv --help`` is
answered before numpy would have been loaded.
"""
