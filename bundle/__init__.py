"""The bundle: the one contract between the recorder, the server and the pages."""
