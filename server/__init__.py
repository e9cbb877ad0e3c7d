"""Store bundles and answer questions about them over HTTP."""
