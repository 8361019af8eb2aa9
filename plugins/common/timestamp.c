/* timestamp: reads exactly one grammar, from the first byte to the last, so that
 * no text has two readings and none is read in part. */
#include "timestamp.h"

struct timestamp_cursor {
    const char *at;
    const char *end;
};

/* Exactly n digits, or -1. */
static int take_digits(struct timestamp_cursor *c, int n)
{
    int value = 0;

    if (c->end - c->at < n)
        return -1;
    for (; n > 0; n--, c->at++) {
        if (*c->at < '0' || *c->at > '9')
            return -1;
        value = value * 10 + (*c->at - '0');
    }
    return value;
}

static int take(struct timestamp_cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted)
        return 0;
    c->at++;
    return 1;
}

static int take_any(struct timestamp_cursor *c, char a, char b)
{
    return take(c, a) || take(c, b);
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 2 && leap ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to that date of the proleptic Gregorian calendar. */
static int64_t days_since_epoch(int year, int month, int day)
{
    int64_t y = year - 1;
    int64_t days = y * 365 + y / 4 - y / 100 + y / 400;
    int m;

    for (m = 1; m < month; m++)
        days += days_in_month(year, m);
    return days + day - 1 - 719162;
}

static int take_date(struct timestamp_cursor *c, int64_t *days, const char **why)
{
    int year, month, day;

    *why = "is not of the form 2026-01-31T12:00:00Z";
    year = take_digits(c, 4);
    if (year < 0 || !take(c, '-'))
        return 0;
    month = take_digits(c, 2);
    if (month < 0 || !take(c, '-'))
        return 0;
    day = take_digits(c, 2);
    if (day < 0)
        return 0;
    *why = "is a day that no calendar has";
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return 0;
    *days = days_since_epoch(year, month, day);
    return 1;
}

/* Seconds of the day, the leap second told apart, and milliseconds. */
static int take_time(struct timestamp_cursor *c, int64_t *seconds, int *leap, int *ms, const char **why)
{
    int hour, minute, second, digits = 0;

    *why = "is not of the form 2026-01-31T12:00:00Z";
    if (!take_any(c, 'T', 't') && !take(c, ' '))
        return 0;
    hour = take_digits(c, 2);
    if (hour < 0 || !take(c, ':'))
        return 0;
    minute = take_digits(c, 2);
    if (minute < 0 || !take(c, ':'))
        return 0;
    second = take_digits(c, 2);
    if (second < 0)
        return 0;
    *ms = 0;
    if (take(c, '.')) {
        for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++, digits++) {
            if (digits < 3)
                *ms = *ms * 10 + (*c->at - '0');
        }
        if (digits == 0)
            return 0;
        for (; digits < 3; digits++)
            *ms *= 10;
    }
    *why = "is a time of day that no clock has";
    if (hour > 23 || minute > 59 || second > 60)
        return 0;
    *leap = second == 60;
    *seconds = hour * 3600 + minute * 60 + second;
    return 1;
}

static int take_offset(struct timestamp_cursor *c, int64_t *seconds, const char **why)
{
    int sign, hours, minutes;

    *seconds = 0;
    *why = "has no offset: write Z or one like +02:00 at its end";
    if (c->at == c->end)
        return 0;
    *why = "is not of the form 2026-01-31T12:00:00Z";
    if (take_any(c, 'Z', 'z'))
        return c->at == c->end;
    sign = *c->at == '-' ? -1 : 1;
    if (!take_any(c, '+', '-'))
        return 0;
    hours = take_digits(c, 2);
    if (hours < 0 || !take(c, ':'))
        return 0;
    minutes = take_digits(c, 2);
    if (minutes < 0 || c->at != c->end)
        return 0;
    *why = "has an offset that no place has";
    if (hours > 23 || minutes > 59)
        return 0;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return 1;
}

int timestamp_parse(const char *text, size_t len, int64_t *ms, const char **why)
{
    struct timestamp_cursor c = {text, text + len};
    int64_t days, seconds, offset, total;
    int leap, millis;

    if (!take_date(&c, &days, why) || !take_time(&c, &seconds, &leap, &millis, why) ||
        !take_offset(&c, &offset, why))
        return 0;
    total = days * 86400 + seconds - offset;
    if (leap && total % 86400 != 0) {
        *why = "has a second 60 that is not 23:59:60 UTC";
        return 0;
    }
    /* A fraction of the leap second would run into the next day's first second. */
    total = total * 1000 + (leap ? 0 : millis);
    if (total < TIMESTAMP_MIN || total > TIMESTAMP_MAX) {
        *why = "is outside the years 0001 to 9999";
        return 0;
    }
    *ms = total;
    return 1;
}
