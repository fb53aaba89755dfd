"""The command line: check, get, rules, trace."""
