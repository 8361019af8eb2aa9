# Acks of a lane go out after it was lost.
# file: core/lane.c
# killed by: check_lane a_lost_lane_offers_nothing
s/if (!l->moved || l->lost)/if (!l->moved)/
