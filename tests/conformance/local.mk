# tests/conformance
dist_check_SCRIPTS += %D%/shipped %D%/skeletons
TESTS += %D%/shipped %D%/skeletons
