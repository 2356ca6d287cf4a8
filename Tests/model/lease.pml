/* The refresh of one token by several processes over one store, as in Sources/Vault/Refresh/Refresher.swift and
 * TokenRecord+Refresh.swift. Tests/model/check has spin go through every order of events: processes that die at any
 * point, leases that are taken over from an owner that is only slow, requests and replies that get lost, providers that
 * rotate the refresh token at each use.
 *
 * The store. A commit is atomic and fails when the row is not the one that was read: an `atomic` block that compares
 * `version` with the version that was seen. What a process knows between two such blocks may be out of date.
 *
 * Time. Who waits measures a lease from when it first saw it, or from when it began where both have one monotonic clock,
 * for as long as the lease lasts; the owner's request, and the provider's work on it, end before. So as long as no process
 * is suspended, a lease is over only when its owner is dead: the model with HONOURED. A machine that sleeps stops its
 * processes and their monotonic clock together, and is like none there. Without HONOURED a lease may be over at any time,
 * as for an owner that was suspended while others were not. Then two requests may be in flight, and all else must hold
 * still.
 *
 * With one of these defined the protocol lacks a part, and spin must find what goes wrong:
 *
 *   NO_LEASE    whoever wants a new token asks for one
 *   NO_CAS      a commit does not compare the version, nor the generation
 *   NO_FENCE    a failure is kept without asking whose lease it is
 *   NO_INTENT   a lease of a dead owner is forgotten, and with it that a reply may have been lost
 *   NO_LIMIT    a refresh whose owner died is tried again however often that happened
 *   NO_TAKEOVER a lease lasts forever
 *   NO_WATCH    a lease is over when the clock of the day says so, which somebody may set
 *   NO_ORIGIN   a new row counts generations from where a deleted one did
 *
 * With DELETION the row is deleted once, at any moment, and the user connects again; there are two processes then.
 */
#ifdef DELETION
#define PROCESSES 2
#else
#define PROCESSES 3
#endif
#define DEATHS 2
#define MOST_ATTEMPTS 2
#define NOBODY 255

mtype = { none, granted, refused, lost };
mtype = { lenient, strict, merciless };

/* The row. A refresh token is known by its number: the provider gives out 0, 1, 2, ... */
byte version, generation, token, fence, attempt;
byte owner = NOBODY;
bool hasLostReply, isEnded;
/* Which grant the row holds: in the code, the random half of the generation. */
byte grant;

/* The provider, when a spent refresh token comes again: lenient answers with the one that replaced it, strict refuses it,
 * merciless also ends the grant (RFC 9700 section 4.14.2). */
mtype provider;
byte newest;
bool isAlive = true;

byte inFlight, deaths;
bool isDead[PROCESSES];

/* A process may die here. */
inline mortal() {
    if
    :: deaths < DEATHS ->
        atomic {
            deaths++; isDead[me] = true;
#ifdef NO_INTENT
            if
            :: owner == me -> owner = NOBODY; attempt = 0; version++
            :: else
            fi
#endif
        };
        goto over
    :: true
    fi
}

proctype Process(byte me) {
    byte unfit, unfitGrant, seen, sent, sentGrant, given, ownFence;
    mtype answer = none;

    atomic { unfit = generation; unfitGrant = grant }; /* the token that the caller has no use for */

look:
    atomic { given = 0; sent = 0; answer = none; seen = version };
    if
    :: generation > unfit || grant != unfitGrant || isEnded -> goto over /* a newer token is there, or only the user helps */
    :: else
    fi;
#ifndef NO_LEASE
    if
    :: atomic { version != seen -> goto look }
    :: atomic { version == seen && owner == NOBODY }
#ifndef NO_TAKEOVER
#if defined(HONOURED) && !defined(NO_WATCH)
    :: atomic { version == seen && owner != NOBODY && isDead[owner] }
#else
    :: atomic { version == seen && owner != NOBODY && owner != me }
#endif
#endif
    fi;
#endif
    mortal();

    /* Take the lease. It is also the record that a request is about to leave. */
    atomic {
#ifndef NO_CAS
        if
        :: version != seen -> goto look
        :: else
        fi;
#endif
        version++;
#ifndef NO_LIMIT
        if
        :: owner != NOBODY && attempt >= MOST_ATTEMPTS -> /* two ended without a word: give up */
            owner = NOBODY; hasLostReply = true; isEnded = true;
            goto over
        :: else
        fi;
#endif
        if
        :: owner != NOBODY -> hasLostReply = true; attempt++
        :: else -> attempt = 1
        fi;
        assert(attempt <= MOST_ATTEMPTS);
        fence++; ownFence = fence; owner = me; sent = token; sentGrant = grant
    };
    mortal();

    /* Ask. Either the request is lost on its way, or the provider does its part. */
    atomic {
        if
        :: sentGrant == grant ->
            inFlight++;
#ifdef HONOURED
            assert(inFlight == 1)
#endif
        :: else
        fi
    };
    atomic {
        if
        :: answer = lost
        :: sentGrant != grant -> answer = granted /* a token of a grant that nobody wants any more */
        :: sentGrant != grant -> answer = refused
        :: sentGrant == grant && isAlive && sent == newest -> newest++; given = newest; answer = granted
        :: sentGrant == grant && isAlive && sent != newest ->
            if
            :: provider == lenient -> given = newest; answer = granted
            :: provider == strict -> answer = refused
            :: provider == merciless -> answer = refused; isAlive = false
            fi
        :: sentGrant == grant && !isAlive -> answer = refused
        fi;
        if
        :: sentGrant == grant -> inFlight--
        :: else
        fi
    };
    mortal();
    if
    :: answer = lost /* the reply is, on its way back */
    :: true
    fi;

    /* Keep what came of it, before anybody gets it. The row may have gone on. */
    atomic {
        if
        :: answer == granted ->
#ifndef NO_CAS
            if
            :: generation != unfit -> goto look
#ifndef NO_ORIGIN
            :: grant != sentGrant -> goto look /* and the tokens are revoked */
#endif
            :: else
            fi;
#endif
            assert(grant == sentGrant); /* the user's new grant is not replaced by the old one */
            assert(given >= token); /* an older refresh token never replaces a newer one */
            generation = unfit + 1;
            token = given; owner = NOBODY; attempt = 0; hasLostReply = false; isEnded = false; version++
        :: answer != granted ->
#ifndef NO_FENCE
            if
            :: owner != me || fence != ownFence -> goto look
            :: else
            fi;
#endif
            owner = NOBODY; attempt = 0; version++;
            if
            :: answer == lost -> hasLostReply = true; goto over /* the caller is told to try again later */
            :: answer == refused ->
                /* The user is not asked to connect again while the row's refresh token works. */
                assert(!(isAlive && token == newest));
                /* And it is not called refused when it was a reply of ours that got lost. */
                assert(token == newest || hasLostReply);
                isEnded = true
            fi
        fi
    };
    goto look;

over:
    skip
}

#ifdef DELETION
/* The new row is like one that never was refreshed, and its grant like one that nothing happened to. */
active proctype User() {
    atomic {
        grant++; version++;
        generation = 0; token = 0; fence = 0; attempt = 0; owner = NOBODY; hasLostReply = false; isEnded = false;
        newest = 0; isAlive = true; inFlight = 0
    }
}
#endif

/* The committed generation of a grant never goes back. */
active proctype Witness() {
    byte highest, current;
    do
    :: atomic { grant != current -> current = grant; highest = 0 }
    :: atomic { grant == current && generation > highest -> highest = generation }
    :: atomic { grant == current && generation < highest -> assert(false) }
    :: timeout -> break
    od;
    /* Whatever happened, whoever comes next is not stuck: no lease is held by anyone but the dead. */
    assert(owner == NOBODY || isDead[owner])
}

init {
    byte each;
    atomic {
        if
        :: provider = lenient
        :: provider = strict
        :: provider = merciless
        fi;
        for (each : 0 .. PROCESSES - 1) { run Process(each) }
    }
}
