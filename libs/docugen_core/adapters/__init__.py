"""Adapters: the only code that knows processes, files and libraries of the outside. One file, one port."""
