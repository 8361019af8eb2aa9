# The demo and the pages are part of what is shipped: the tests run them.
EXTRA_DIST += docs/demo/generate docs/demo/catalogue.py docs/demo/run docs/demo/demo.yaml \
	docs/demo/demo.csv.yaml docs/demo/demo.prod.yaml docs/demo/demo.stage.yaml
EXTRA_DIST += docs/index.md docs/plugin-author.md docs/design/dead-letters.md docs/design/exactness.md \
	docs/design/jobs.md docs/how-to/jobs.md docs/design/state-machine.md docs/design/way-of-a-record.md docs/how-to/add-a-source-by-overlay.md docs/how-to/backfill.md \
	docs/how-to/feature-flags.md docs/how-to/kafka.md docs/how-to/live-stack.md docs/how-to/lookups.md docs/how-to/neo4j.md docs/how-to/once.md \
	docs/how-to/read-dead-letters.md docs/how-to/run-in-production.md docs/how-to/user-load.md
EXTRA_DIST += docs/how-to/s3.md docs/how-to/sqs.md
EXTRA_DIST += docs/reference/fingerprint.md
EXTRA_DIST += docs/tutorial.md docs/performance.md docs/reference/generate docs/reference/config.md \
	docs/reference/plugins.md docs/reference/plugins
EXTRA_DIST += docs/examples/unified-worker/README.md docs/examples/unified-worker/unified-worker.yaml \
	docs/examples/unified-worker/unified-worker.laptop.yaml docs/examples/unified-worker/unified-worker.prod.yaml \
	docs/examples/unified-worker/unified-worker.stage.yaml
