"""From git repositories to segments and questions. Everything here runs on a CPU."""
