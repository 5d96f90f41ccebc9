"""The console, from outside: what a browser, a program and another site's page can and cannot do."""
