# The demo is part of what is shipped: the tests run it too.
EXTRA_DIST += docs/demo/generate docs/demo/catalogue.py
EXTRA_DIST += docs/reference/fingerprint.md
