/* Gate expressions in three values: full truth tables, unavailable, and two-phase gates. */
#include "failing_alloc.h"
#include "gate_eval.h"
#include "one_suite.h"

/* Stands in for core/instance.c: a gate that answers as it is told, record by record. */
struct instance {
    struct plugin plugin;
    struct instance_spec spec;
    uint32_t code; /* for all records, or NONE: by_record */
    uint32_t by_record[4];
    uint32_t call;    /* answer of the call; 0: OK */
    uint32_t asked;   /* records so far */
    uint32_t entered; /* inside a call */
    uint32_t n_concluded;
    uint64_t concluded[8]; /* positions, with their outcome */
    uint32_t outcomes[8];
};

static struct instance gates[3];
static struct sluice_record records[4];
static struct sluice_record *refs[4] = {&records[0], &records[1], &records[2], &records[3]};
static struct sluice_batch batch = {.records = records, .refs = refs, .n = 4, .cap = 4};
static struct sluice_error err;

const struct plugin *instance_plugin(const struct instance *i)
{
    return &i->plugin;
}

void *instance_self(struct instance *i)
{
    return i;
}

void instance_enter(struct instance *i)
{
    ck_assert_uint_eq(i->entered++, 0);
}

void instance_leave(struct instance *i)
{
    ck_assert_uint_eq(--i->entered, 0);
}

void error_clear(struct sluice_error *e)
{
    memset(e, 0, sizeof *e);
    e->struct_size = sizeof *e;
}

static uint32_t decide(void *self, const struct sluice_record *const *list, uint32_t n,
                       const struct sluice_verdicts *verdicts, struct sluice_error *e)
{
    struct instance *gate = self;
    uint32_t i, code;

    ck_assert_uint_eq(gate->entered, 1);
    gate->asked += n;
    e->retry_after_ms = gate->call != 0 ? 77 : 0;
    for (i = 0; i < n; i++) {
        code = gate->code != SLUICE_NONE ? gate->code : gate->by_record[list[i]->position];
        if (code != SLUICE_NONE)
            sluice_verdict_set(verdicts, i, code, gate->spec.name, NULL);
    }
    return gate->call != 0 ? gate->call : SLUICE_OK;
}

static uint32_t conclude(void *self, const struct sluice_record *const *list, uint32_t n,
                         const struct sluice_outcome *outcomes, uint64_t stride, struct sluice_error *e)
{
    struct instance *gate = self;
    uint32_t i;

    (void)e;
    ck_assert_uint_eq(stride, sizeof *outcomes);
    for (i = 0; i < n; i++) {
        gate->concluded[gate->n_concluded] = list[i]->position;
        gate->outcomes[gate->n_concluded++] = outcomes[i].code;
    }
    return gate->call != 0 ? gate->call : SLUICE_OK;
}

static struct instance *find(void *context, const struct instance_spec *spec)
{
    uint32_t i;

    (void)context;
    for (i = 0; i < 3; i++)
        if (spec == &gates[i].spec)
            return &gates[i];
    return NULL;
}

static void setup(void)
{
    static char names[3][4] = {"a-b", "b", "c"};
    uint32_t i;

    memset(gates, 0, sizeof gates);
    for (i = 0; i < 3; i++) {
        gates[i].spec.name = names[i];
        gates[i].plugin.ops.gate.decide = decide;
    }
    for (i = 0; i < 4; i++) {
        records[i].position = i;
        records[i].batch = &batch;
    }
}

static void two_phase(uint32_t gate)
{
    gates[gate].plugin.desc.flags = SLUICE_TWO_PHASE;
    gates[gate].plugin.ops.gate.conclude = conclude;
}

/* Expressions; a leaf of gate i, and joins of them. */
static struct gate_expr leaves[3] = {{.op = GATE_LEAF, .leaf = &gates[0].spec},
                                     {.op = GATE_LEAF, .leaf = &gates[1].spec},
                                     {.op = GATE_LEAF, .leaf = &gates[2].spec}};
static struct gate_expr *all_leaves[3] = {&leaves[0], &leaves[1], &leaves[2]};

static struct gate_expr joined(enum gate_operator op, size_t n)
{
    struct gate_expr e = {.op = op, .children = all_leaves, .n = n};

    return e;
}

static struct gate_eval *make(const struct gate_expr *expr, enum gate_unavailable unavailable)
{
    struct gate_eval *e = gate_eval_new(expr, unavailable, find, NULL, 4);

    ck_assert_ptr_nonnull(e);
    return e;
}

/* The answer on one record. */
static struct gate_answer ask_one(const struct gate_expr *expr, enum gate_unavailable unavailable)
{
    static char reason[32];
    struct gate_eval *e = make(expr, unavailable);
    struct gate_answer a = {0, 0, NULL, NULL};

    ck_assert_uint_eq(gate_evaluate(e, refs, 1, &a, &err), SLUICE_OK);
    if (a.reason != NULL) { /* it may be the evaluator's */
        strncpy(reason, a.reason, sizeof reason - 1);
        a.reason = reason;
    }
    gate_eval_free(e);
    return a;
}

static const uint32_t values[3] = {SLUICE_DENY, SLUICE_UNKNOWN, SLUICE_ADMIT};

/* Kleene: any is the greatest, all the smallest, of DENY < UNKNOWN < ADMIT. */
static uint32_t place(uint32_t code)
{
    return code == SLUICE_DENY ? 0 : code == SLUICE_UNKNOWN ? 1 : 2;
}

START_TEST(a_gate_alone_answers_for_itself)
{
    uint32_t i;

    setup();
    for (i = 0; i < 3; i++) {
        gates[0].code = values[i];
        ck_assert_uint_eq(ask_one(&leaves[0], UNAVAILABLE_HOLD).code, values[i]);
    }
}
END_TEST

START_TEST(any_of_three_is_the_greatest_answer)
{
    struct gate_expr expr = joined(GATE_ANY, 3);
    uint32_t i, j, k, want;

    setup();
    for (i = 0; i < 3; i++)
        for (j = 0; j < 3; j++)
            for (k = 0; k < 3; k++) {
                gates[0].code = values[i];
                gates[1].code = values[j];
                gates[2].code = values[k];
                want = i > j ? i : j;
                want = want > k ? want : k;
                ck_assert_uint_eq(place(ask_one(&expr, UNAVAILABLE_HOLD).code), want);
            }
}
END_TEST

START_TEST(all_of_three_is_the_smallest_answer)
{
    struct gate_expr expr = joined(GATE_ALL, 3);
    uint32_t i, j, k, want;

    setup();
    for (i = 0; i < 3; i++)
        for (j = 0; j < 3; j++)
            for (k = 0; k < 3; k++) {
                gates[0].code = values[i];
                gates[1].code = values[j];
                gates[2].code = values[k];
                want = i < j ? i : j;
                want = want < k ? want : k;
                ck_assert_uint_eq(place(ask_one(&expr, UNAVAILABLE_HOLD).code), want);
            }
}
END_TEST

START_TEST(not_turns_admit_and_deny_round_and_leaves_unknown)
{
    struct gate_expr expr = joined(GATE_NOT, 1);
    uint32_t i;

    setup();
    for (i = 0; i < 3; i++) {
        gates[0].code = values[i];
        ck_assert_uint_eq(place(ask_one(&expr, UNAVAILABLE_HOLD).code), 2 - i);
    }
}
END_TEST

START_TEST(de_morgan_holds_in_three_values)
{
    struct gate_expr any = joined(GATE_ANY, 2), not_a = {.op = GATE_NOT, .children = &all_leaves[0], .n = 1},
                     not_b = {.op = GATE_NOT, .children = &all_leaves[1], .n = 1};
    struct gate_expr *nots[2] = {&not_a, &not_b}, *one = &any;
    struct gate_expr left = {.op = GATE_NOT, .children = &one, .n = 1},
                     right = {.op = GATE_ALL, .children = nots, .n = 2};
    uint32_t i, j;

    setup();
    for (i = 0; i < 3; i++)
        for (j = 0; j < 3; j++) {
            gates[0].code = values[i];
            gates[1].code = values[j];
            ck_assert_uint_eq(ask_one(&left, UNAVAILABLE_HOLD).code, ask_one(&right, UNAVAILABLE_HOLD).code);
        }
}
END_TEST

START_TEST(unavailable_decides_a_final_unknown_and_nothing_else)
{
    static const enum gate_unavailable modes[3] = {UNAVAILABLE_HOLD, UNAVAILABLE_DENY, UNAVAILABLE_ADMIT};
    static const uint32_t meant[3] = {SLUICE_UNKNOWN, SLUICE_DENY, SLUICE_ADMIT};
    uint32_t i;

    setup();
    for (i = 0; i < 3; i++) {
        gates[0].code = SLUICE_UNKNOWN;
        ck_assert_uint_eq(ask_one(&leaves[0], modes[i]).code, meant[i]);
        gates[0].code = SLUICE_ADMIT;
        ck_assert_uint_eq(ask_one(&leaves[0], modes[i]).code, SLUICE_ADMIT);
        gates[0].code = SLUICE_DENY;
        ck_assert_uint_eq(ask_one(&leaves[0], modes[i]).code, SLUICE_DENY);
        gates[0].code = SLUICE_REJECT;
        ck_assert_uint_eq(ask_one(&leaves[0], modes[i]).code, SLUICE_REJECT);
    }
}
END_TEST

START_TEST(an_outage_under_not_does_not_turn_a_killswitch_round)
{
    struct gate_expr expr = joined(GATE_NOT, 1);
    struct gate_answer a;

    setup();
    gates[0].code = SLUICE_UNKNOWN;
    a = ask_one(&expr, UNAVAILABLE_DENY);
    ck_assert_uint_eq(a.code, SLUICE_DENY);
    ck_assert_str_eq(a.reason, "gate_unavailable");
    ck_assert_uint_eq(ask_one(&expr, UNAVAILABLE_ADMIT).code, SLUICE_ADMIT);
}
END_TEST

START_TEST(a_failed_gate_counts_as_unknown_and_shows_only_if_nothing_decides)
{
    struct gate_expr any = joined(GATE_ANY, 2), all = joined(GATE_ALL, 2);
    static const uint32_t failed[2] = {SLUICE_RETRY, SLUICE_REJECT};
    uint32_t i;

    setup();
    for (i = 0; i < 2; i++) {
        gates[0].code = failed[i];
        gates[1].code = SLUICE_ADMIT;
        ck_assert_uint_eq(ask_one(&any, UNAVAILABLE_HOLD).code, SLUICE_ADMIT);
        ck_assert_uint_eq(ask_one(&all, UNAVAILABLE_HOLD).code, failed[i]);
        gates[1].code = SLUICE_DENY;
        ck_assert_uint_eq(ask_one(&any, UNAVAILABLE_HOLD).code, failed[i]);
        ck_assert_uint_eq(ask_one(&all, UNAVAILABLE_HOLD).code, SLUICE_DENY);
        gates[1].code = SLUICE_UNKNOWN;
        ck_assert_uint_eq(ask_one(&any, UNAVAILABLE_HOLD).code, failed[i]);
        ck_assert_uint_eq(ask_one(&all, UNAVAILABLE_HOLD).code, failed[i]);
    }
}
END_TEST

START_TEST(of_two_failures_the_final_one_shows)
{
    struct gate_expr any = joined(GATE_ANY, 2);

    setup();
    gates[0].code = SLUICE_RETRY;
    gates[1].code = SLUICE_REJECT;
    ck_assert_uint_eq(ask_one(&any, UNAVAILABLE_HOLD).code, SLUICE_REJECT);
    gates[0].code = SLUICE_REJECT;
    gates[1].code = SLUICE_RETRY;
    ck_assert_uint_eq(ask_one(&any, UNAVAILABLE_HOLD).code, SLUICE_REJECT);
}
END_TEST

START_TEST(a_denial_carries_the_reason_of_the_gate_that_decided)
{
    struct gate_expr all = joined(GATE_ALL, 2), not_a = joined(GATE_NOT, 1);

    setup();
    gates[0].code = SLUICE_ADMIT;
    gates[1].code = SLUICE_DENY;
    ck_assert_str_eq(ask_one(&all, UNAVAILABLE_HOLD).reason, "b");
    ck_assert_str_eq(ask_one(&not_a, UNAVAILABLE_HOLD).reason, "not_a_b");
}
END_TEST

START_TEST(not_over_an_expression_has_a_reason_of_its_own)
{
    struct gate_expr any = joined(GATE_ANY, 2), *one = &any;
    struct gate_expr expr = {.op = GATE_NOT, .children = &one, .n = 1};

    setup();
    gates[0].code = gates[1].code = SLUICE_ADMIT;
    ck_assert_str_eq(ask_one(&expr, UNAVAILABLE_HOLD).reason, "not_gates");
}
END_TEST

START_TEST(a_gate_is_asked_only_about_records_that_are_undecided)
{
    struct gate_expr any = joined(GATE_ANY, 3);
    struct gate_eval *e;
    struct gate_answer a[4];

    setup();
    gates[0].by_record[0] = SLUICE_ADMIT;
    gates[0].by_record[1] = gates[0].by_record[2] = gates[0].by_record[3] = SLUICE_DENY;
    gates[1].by_record[1] = SLUICE_UNKNOWN;
    gates[1].by_record[2] = SLUICE_DENY;
    gates[1].by_record[3] = SLUICE_ADMIT;
    gates[2].by_record[1] = SLUICE_DENY;
    gates[2].by_record[2] = SLUICE_ADMIT;
    e = make(&any, UNAVAILABLE_HOLD);
    ck_assert_uint_eq(gate_evaluate(e, refs, 4, a, &err), SLUICE_OK);
    ck_assert_uint_eq(a[0].code, SLUICE_ADMIT);
    ck_assert_uint_eq(a[1].code, SLUICE_UNKNOWN);
    ck_assert_uint_eq(a[2].code, SLUICE_ADMIT);
    ck_assert_uint_eq(a[3].code, SLUICE_ADMIT);
    ck_assert_uint_eq(gates[0].asked, 4);
    ck_assert_uint_eq(gates[1].asked, 3);
    ck_assert_uint_eq(gates[2].asked, 2);
    gate_eval_free(e);
}
END_TEST

START_TEST(a_batch_that_is_decided_asks_no_further_gate)
{
    struct gate_expr all = joined(GATE_ALL, 2);

    setup();
    gates[0].code = SLUICE_DENY;
    ask_one(&all, UNAVAILABLE_HOLD);
    ck_assert_uint_eq(gates[1].asked, 0);
}
END_TEST

START_TEST(an_empty_batch_asks_nobody)
{
    struct gate_eval *e;

    setup();
    e = make(&leaves[0], UNAVAILABLE_HOLD);
    ck_assert_uint_eq(gate_evaluate(e, refs, 0, NULL, &err), SLUICE_OK);
    ck_assert_uint_eq(gates[0].asked, 0);
    gate_eval_free(e);
}
END_TEST

START_TEST(ok_and_drop_mean_admit_and_deny)
{
    setup();
    gates[0].code = SLUICE_OK;
    ck_assert_uint_eq(ask_one(&leaves[0], UNAVAILABLE_HOLD).code, SLUICE_ADMIT);
    gates[0].code = SLUICE_DROP;
    ck_assert_uint_eq(ask_one(&leaves[0], UNAVAILABLE_HOLD).code, SLUICE_DENY);
}
END_TEST

START_TEST(a_gate_that_forgets_a_verdict_lets_nothing_pass)
{
    struct gate_answer a;

    setup();
    a = ask_one(&leaves[0], UNAVAILABLE_ADMIT);
    ck_assert_uint_eq(a.code, SLUICE_RETRY);
    ck_assert_str_eq(a.reason, "no_verdict");
}
END_TEST

START_TEST(a_call_that_failed_leaves_unknown_for_as_long_as_it_says)
{
    struct gate_answer a;

    setup();
    gates[0].call = SLUICE_DISCONNECTED;
    a = ask_one(&leaves[0], UNAVAILABLE_HOLD);
    ck_assert_uint_eq(a.code, SLUICE_UNKNOWN);
    ck_assert_uint_eq(a.retry_after_ms, 77);
    ck_assert_uint_eq(ask_one(&leaves[0], UNAVAILABLE_DENY).code, SLUICE_DENY);
}
END_TEST

START_TEST(a_gate_that_cannot_go_on_says_so_through_every_operator)
{
    static const enum gate_operator ops[3] = {GATE_ANY, GATE_ALL, GATE_NOT};
    struct gate_answer a[4];
    struct gate_eval *e;
    uint32_t i;

    setup();
    gates[0].call = SLUICE_FATAL;
    for (i = 0; i < 3; i++) {
        struct gate_expr expr = joined(ops[i], 1);

        e = make(&expr, UNAVAILABLE_ADMIT);
        ck_assert_uint_eq(gate_evaluate(e, refs, 4, a, &err), SLUICE_FATAL);
        gate_eval_free(e);
    }
}
END_TEST

START_TEST(a_second_gate_that_cannot_go_on_is_heard)
{
    struct gate_expr all = joined(GATE_ALL, 2);
    struct gate_answer a[4];
    struct gate_eval *e;

    setup();
    gates[0].code = SLUICE_ADMIT;
    gates[1].call = SLUICE_FATAL;
    e = make(&all, UNAVAILABLE_ADMIT);
    ck_assert_uint_eq(gate_evaluate(e, refs, 4, a, &err), SLUICE_FATAL);
    gate_eval_free(e);
}
END_TEST

START_TEST(a_two_phase_gate_hears_the_end_of_each_record_it_admitted_once)
{
    static const uint32_t codes[4] = {SLUICE_OK, SLUICE_RETRY, SLUICE_REJECT, SLUICE_OK};
    struct gate_answer a[4];
    struct gate_eval *e;

    setup();
    two_phase(0);
    gates[0].by_record[0] = gates[0].by_record[2] = gates[0].by_record[3] = SLUICE_ADMIT;
    gates[0].by_record[1] = SLUICE_DENY;
    e = make(&leaves[0], UNAVAILABLE_HOLD);
    ck_assert_int_eq(gate_eval_two_phase(e), 1);
    gate_evaluate(e, refs, 4, a, &err);
    ck_assert_uint_eq(gates[0].n_concluded, 0);
    ck_assert_uint_eq(gate_conclude(e, codes, &err), SLUICE_OK);
    ck_assert_uint_eq(gate_conclude(e, codes, &err), SLUICE_OK);
    ck_assert_uint_eq(gates[0].n_concluded, 3);
    ck_assert_uint_eq(gates[0].concluded[0], 0);
    ck_assert_uint_eq(gates[0].outcomes[0], SLUICE_OK);
    ck_assert_uint_eq(gates[0].concluded[1], 2);
    ck_assert_uint_eq(gates[0].outcomes[1], SLUICE_REJECT);
    ck_assert_uint_eq(gates[0].concluded[2], 3);
    gate_eval_free(e);
}
END_TEST

START_TEST(what_a_two_phase_gate_admitted_and_another_refused_is_released_at_once)
{
    static const uint32_t codes[4] = {SLUICE_OK, SLUICE_OK, SLUICE_OK, SLUICE_OK};
    struct gate_expr all = joined(GATE_ALL, 2);
    struct gate_answer a[4];
    struct gate_eval *e;

    setup();
    two_phase(0);
    gates[0].code = SLUICE_ADMIT;
    gates[1].by_record[0] = gates[1].by_record[2] = SLUICE_DENY;
    gates[1].by_record[1] = gates[1].by_record[3] = SLUICE_ADMIT;
    e = make(&all, UNAVAILABLE_HOLD);
    gate_evaluate(e, refs, 4, a, &err);
    ck_assert_uint_eq(gates[0].n_concluded, 2);
    ck_assert_uint_eq(gates[0].concluded[0] + gates[0].concluded[1], 2); /* 0 and 2 */
    ck_assert_uint_eq(gates[0].outcomes[0], SLUICE_RETRY);
    ck_assert_uint_eq(gates[0].outcomes[1], SLUICE_RETRY);
    gate_conclude(e, codes, &err);
    ck_assert_uint_eq(gates[0].n_concluded, 4);
    ck_assert_uint_eq(gates[0].concluded[2], 1);
    ck_assert_uint_eq(gates[0].concluded[3], 3);
    ck_assert_uint_eq(gates[0].outcomes[3], SLUICE_OK);
    gate_eval_free(e);
}
END_TEST

START_TEST(an_end_that_one_gate_could_not_be_told_is_heard_and_the_others_are_told)
{
    static const uint32_t codes[4] = {SLUICE_OK, SLUICE_OK, SLUICE_OK, SLUICE_OK};
    struct gate_expr all = joined(GATE_ALL, 2);
    struct gate_answer a[4];
    struct gate_eval *e;

    setup();
    two_phase(0);
    two_phase(1);
    gates[0].code = gates[1].code = SLUICE_ADMIT;
    e = make(&all, UNAVAILABLE_HOLD);
    gate_evaluate(e, refs, 4, a, &err);
    gates[0].call = SLUICE_RETRY;
    ck_assert_uint_eq(gate_conclude(e, codes, &err), SLUICE_RETRY);
    ck_assert_uint_eq(gates[1].n_concluded, 4);
    gate_eval_free(e);
}
END_TEST

START_TEST(a_gate_of_one_phase_hears_no_end)
{
    static const uint32_t codes[4] = {SLUICE_OK, SLUICE_OK, SLUICE_OK, SLUICE_OK};
    struct gate_answer a[4];
    struct gate_eval *e;

    setup();
    gates[0].code = SLUICE_ADMIT;
    e = make(&leaves[0], UNAVAILABLE_HOLD);
    ck_assert_int_eq(gate_eval_two_phase(e), 0);
    gate_evaluate(e, refs, 4, a, &err);
    ck_assert_uint_eq(gate_conclude(e, codes, &err), SLUICE_OK);
    gate_eval_free(e);
}
END_TEST

START_TEST(an_expression_with_a_gate_that_was_not_made_is_refused)
{
    struct instance_spec stranger = {.name = leaves[0].leaf->name};
    struct gate_expr unknown = {.op = GATE_LEAF, .leaf = &stranger}, *one = &unknown;
    struct gate_expr expr = {.op = GATE_ANY, .children = &one, .n = 1};

    setup();
    ck_assert_ptr_null(gate_eval_new(&unknown, UNAVAILABLE_HOLD, find, NULL, 4));
    ck_assert_ptr_null(gate_eval_new(&expr, UNAVAILABLE_HOLD, find, NULL, 4));
    gate_eval_free(NULL);
}
END_TEST

START_TEST(each_allocation_may_fail_and_leaves_nothing_behind)
{
    struct gate_expr not_a = {.op = GATE_NOT, .children = all_leaves, .n = 1};
    struct gate_expr *children[2] = {&not_a, &leaves[1]};
    struct gate_expr expr = {.op = GATE_ANY, .children = children, .n = 2};
    struct gate_eval *e;
    unsigned i;

    setup();
    two_phase(1);
    for (i = 1;; i++) {
        failing_alloc_at(i);
        e = gate_eval_new(&expr, UNAVAILABLE_HOLD, find, NULL, 4);
        failing_alloc_at(0);
        if (e != NULL)
            break;
        ck_assert_uint_lt(i, 100);
    }
    ck_assert_uint_gt(i, 10);
    gate_eval_free(e);
}
END_TEST

ONE_SUITE("gate_eval", 10, an_end_that_one_gate_could_not_be_told_is_heard_and_the_others_are_told,
          each_allocation_may_fail_and_leaves_nothing_behind, a_gate_alone_answers_for_itself,
          any_of_three_is_the_greatest_answer, all_of_three_is_the_smallest_answer,
          not_turns_admit_and_deny_round_and_leaves_unknown, de_morgan_holds_in_three_values,
          unavailable_decides_a_final_unknown_and_nothing_else,
          an_outage_under_not_does_not_turn_a_killswitch_round,
          a_failed_gate_counts_as_unknown_and_shows_only_if_nothing_decides,
          of_two_failures_the_final_one_shows, a_denial_carries_the_reason_of_the_gate_that_decided,
          not_over_an_expression_has_a_reason_of_its_own,
          a_gate_is_asked_only_about_records_that_are_undecided, a_batch_that_is_decided_asks_no_further_gate,
          an_empty_batch_asks_nobody, ok_and_drop_mean_admit_and_deny,
          a_gate_that_forgets_a_verdict_lets_nothing_pass,
          a_call_that_failed_leaves_unknown_for_as_long_as_it_says,
          a_gate_that_cannot_go_on_says_so_through_every_operator, a_second_gate_that_cannot_go_on_is_heard,
          a_two_phase_gate_hears_the_end_of_each_record_it_admitted_once,
          what_a_two_phase_gate_admitted_and_another_refused_is_released_at_once,
          a_gate_of_one_phase_hears_no_end, an_expression_with_a_gate_that_was_not_made_is_refused)
