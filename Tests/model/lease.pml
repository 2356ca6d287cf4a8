/* The refresh of one token by several processes over one store, as in Sources/Vault/VaultBackend+Refresh.swift and
 * TokenRecord+Refresh.swift. Tests/model/check has spin go through every order of events: processes that die at any
 * point, leases that are taken over from an owner that is only slow, requests and replies that get lost, providers that
 * rotate the refresh token at each use.
 *
 * The store. A commit is atomic and fails when the row is not the one that was read: an `atomic` block that compares
 * `version` with the version that was seen. What a process knows between two such blocks may be out of date.
 *
 * Time. Who waits measures a lease from when it first saw it, for as long as the lease lasts; the owner's request, and
 * the provider's work on it, end before. So as long as no process is suspended, a lease is over only when its owner is
 * dead: the model with HONOURED. Without it a lease may be over at any time, as for an owner that was suspended. Then two
 * requests may be in flight, and all else must hold still.
 *
 * With one of these defined the protocol lacks a part, and spin must find what goes wrong:
 *
 *   NO_LEASE    whoever wants a new token asks for one
 *   NO_CAS      a commit does not compare the version, nor the generation
 *   NO_FENCE    a failure is kept without asking whose lease it is
 *   NO_INTENT   a lease of a dead owner is forgotten, and with it that a reply may have been lost
 *   NO_LIMIT    a refresh whose owner died is tried again however often that happened
 *   NO_TAKEOVER a lease lasts forever
 */
#define PROCESSES 3
#define DEATHS 2
#define MOST_ATTEMPTS 2
#define NOBODY 255

mtype = { none, granted, refused, lost };
mtype = { lenient, strict, merciless };

/* The row. A refresh token is known by its number: the provider gives out 0, 1, 2, ... */
byte version, generation, token, fence, attempt;
byte owner = NOBODY;
bool hasLostReply, isEnded;

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
    byte unfit, seen, sent, given, ownFence;
    mtype answer = none;

    unfit = generation; /* the token that the caller has no use for */

look:
    atomic { given = 0; sent = 0; answer = none; seen = version };
    if
    :: generation > unfit || isEnded -> goto over /* a newer token is there, or only the user helps */
    :: else
    fi;
#ifndef NO_LEASE
    if
    :: atomic { version != seen -> goto look }
    :: atomic { version == seen && owner == NOBODY }
#ifndef NO_TAKEOVER
#ifdef HONOURED
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
        fence++; ownFence = fence; owner = me; sent = token
    };
    mortal();

    /* Ask. Either the request is lost on its way, or the provider does its part. */
    atomic {
        inFlight++;
#ifdef HONOURED
        assert(inFlight == 1)
#endif
    };
    atomic {
        if
        :: answer = lost
        :: isAlive && sent == newest -> newest++; given = newest; answer = granted
        :: isAlive && sent != newest ->
            if
            :: provider == lenient -> given = newest; answer = granted
            :: provider == strict -> answer = refused
            :: provider == merciless -> answer = refused; isAlive = false
            fi
        :: !isAlive -> answer = refused
        fi;
        inFlight--
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
            :: else
            fi;
#endif
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

/* The committed generation never goes back. */
active proctype Witness() {
    byte highest;
    do
    :: atomic { generation > highest -> highest = generation }
    :: atomic { generation < highest -> assert(false) }
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
