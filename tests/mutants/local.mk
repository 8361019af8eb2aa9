# Defects planted in a copy of the sources; each must be noticed by the tests that it names.
# They prove the tests, so one kind of build is enough.
dist_check_SCRIPTS += tests/mutants/run
if HAVE_CHECK
if !SANITIZED
TESTS += tests/mutants/run
endif
endif
EXTRA_DIST += \
	tests/mutants/accept-a-stale-ack-after-a-lane-is-opened-again.sed \
	tests/mutants/accept-a-stale-ack-after-a-rebalance.sed \
	tests/mutants/acknowledge-a-gated-record-early.sed \
	tests/mutants/attempts-kept-over-steps.sed \
	tests/mutants/attempts-not-counted.sed \
	tests/mutants/breaker-never-opens.sed \
	tests/mutants/burial-gives-the-key-away.sed \
	tests/mutants/commit-the-highest-offset.sed \
	tests/mutants/dead-counted-before-the-end.sed \
	tests/mutants/dead-letter-failure-ignored.sed \
	tests/mutants/deadline-from-arrival.sed \
	tests/mutants/deadline-ignored.sed \
	tests/mutants/deadline-runs-in-an-outage.sed \
	tests/mutants/disconnected-counted.sed \
	tests/mutants/documents-take-no-memory.sed \
	tests/mutants/door-open-over-a-lost-letter.sed \
	tests/mutants/door-opens-while-the-letter-is-tried-again.sed \
	tests/mutants/drop-poison-without-a-dead-letter.sed \
	tests/mutants/forget-to-resume-a-lane.sed \
	tests/mutants/half-open-lets-all-through.sed \
	tests/mutants/heap-keeps-no-order.sed \
	tests/mutants/ignore-a-failed-settle-of-any-order.sed \
	tests/mutants/ignore-a-failed-settle.sed \
	tests/mutants/key-order-ignored.sed \
	tests/mutants/lane-window-ignored.sed \
	tests/mutants/lost-lane-keeps-its-records.sed \
	tests/mutants/lost-lane-settles.sed \
	tests/mutants/memory-limit-ignored.sed \
	tests/mutants/move-the-checkpoint-at-the-end-of-a-page.sed \
	tests/mutants/nobody-wakes-the-parked.sed \
	tests/mutants/not-turns-unknown-round.sed \
	tests/mutants/old-settle-offered-after-a-rebalance.sed \
	tests/mutants/one-attempt-too-many.sed \
	tests/mutants/parked-record-forgets-its-time.sed \
	tests/mutants/pause-all-lanes-for-one.sed \
	tests/mutants/rate-limit-earns-twice.sed \
	tests/mutants/reason-lost.sed \
	tests/mutants/refused-records-stay-reserved.sed \
	tests/mutants/regained-lane-keeps-the-rest-of-a-poll.sed \
	tests/mutants/rename-without-directory-sync.sed \
	tests/mutants/rename-without-fsync.sed \
	tests/mutants/retry-without-jitter.sed \
	tests/mutants/returned-not-counted.sed \
	tests/mutants/returned-slots-count-as-room.sed \
	tests/mutants/settle-single-records-of-an-earlier-owner.sed \
	tests/mutants/settled-between-two-steps.sed \
	tests/mutants/stale-tickets-accepted.sed \
	tests/mutants/step-repeated-after-ok.sed \
	tests/mutants/stop-lets-a-gated-record-pass.sed \
	tests/mutants/stop-lets-others-overtake.sed \
	tests/mutants/unavailable-decides-failures.sed \
	tests/mutants/unknown-counts-as-deny-in-any.sed \
	tests/mutants/unknown-spends-an-attempt.sed \
	tests/mutants/unsure-always-repeated.sed \
	tests/mutants/window-counts-open-records-only.sed \
	tests/mutants/wish-of-the-other-side-ignored.sed \
	tests/mutants/write-in-place.sed
