/* Processes that end while they refresh a token of one vault: in the ordinary way, or killed. What lease.pml has of
 * providers and lost messages is left out here; what it leaves out is that a process is more than one thread: a caller who
 * may give up, the exchange with the provider, and whoever closes the handle (descope_conn_close, or the process's exit).
 * Tests/model/check has spin go through every order of events.
 *
 * An exchange takes its place at the provider first (so many requests may be there at a time), and then the lease. A wait
 * for a place has no bound but the caller's patience, and an exchange does, so that a lease, which is made for the length
 * of an exchange, is over only when its owner is dead. What has not left when a caller gives up or the handle is closed
 * goes no further and gives its lease back. What has left goes on until its reply is committed, and close waits for that.
 *
 * What must hold: as long as nobody is killed, the newest refresh token is in the row, or in the outbox when the row was
 * deleted; no lease is left behind; one request is under way at a time. After a kill the row may be out of date, but shows
 * that it may be, by a lease of the dead or by what is kept of it.
 *
 * With one of these defined a line of the design is missing, and spin must find what goes wrong:
 *
 *   NO_WAIT       close does not wait for an exchange
 *   NO_COMMIT     it waits for the reply, but not for the commit
 *   NO_GATE       an exchange counts from when its request leaves: close may have looked before
 *   CALLER_ENDS   a caller that gives up ends the exchange
 *   NO_RELEASE    a lease that was not used is not given back
 *   LEASE_FIRST   the lease is taken before the place
 *   NO_OUTBOX     the reply for a row that was deleted meanwhile is forgotten
 *   NO_INTENT     a lease of the dead says nothing to who takes it over
 */
#define PROCESSES 2
#define KILLS 1
#define NOBODY 255

mtype = { lenient, strict };
mtype = { none, granted, refused };

/* The row. */
byte generation, token, fence;
byte owner = NOBODY;
bool hasLostReply, isUncertain, isDeleted;
/* One more than the newest refresh token in the outbox. */
byte outbox;

/* The provider. A spent refresh token is answered with the newest one, or refused. */
mtype provider;
byte newest, inFlight;

byte kills;
bool isGone[PROCESSES], isKilled[PROCESSES];
bool isClosing[PROCESSES], hasGivenUp[PROCESSES];
bool isWaiting[PROCESSES]; /* for a place */
bool isBusy[PROCESSES];    /* from the lease until it is given back or the reply is committed */
bool isAtProvider[PROCESSES];

/* A lease lasts longer than an exchange, and than the provider's work on one whose process was killed; but no lease lasts
 * longer than a wait for a place may. */
#define isOver(who) (isWaiting[who] || isGone[who] && !isAtProvider[who])

#define mustStop(me) (isClosing[me] || hasGivenUp[me])

inline putInOutbox(which) {
    if
    :: outbox <= which -> outbox = which + 1
    :: else
    fi
}

inline place() {
    atomic {
        if
        :: isGone[me] -> goto over
        :: else -> isWaiting[me] = true
        fi
    };
    atomic { isWaiting[me] = false };
    if
    :: isGone[me] -> goto over
    :: !isGone[me] && mustStop(me) -> goto stop
    :: else
    fi
}

inline lease() {
    atomic {
        if
        :: isGone[me] -> goto over
        :: !isGone[me] && mustStop(me) -> goto stop
        :: !isGone[me] && !mustStop(me) && (isDeleted || generation != seen || owner != NOBODY && !isOver(owner)) ->
            goto look /* the place is given back */
        :: else
        fi;
        if
        :: owner != NOBODY ->
#ifndef NO_INTENT
            hasLostReply = true
#endif
        :: else
        fi;
#ifndef NO_GATE
        isBusy[me] = true;
#endif
        fence++; own = fence; owner = me; sent = token
    }
}

proctype Exchange(byte me) {
    byte unfit, seen, sent, given, own;
    mtype answer = none;

    unfit = generation; /* the token that the caller has no use for */
look:
    atomic {
        sent = 0; given = 0; own = 0; answer = none;
        if
        :: isGone[me] || mustStop(me) || isDeleted || isUncertain || generation != unfit -> goto over
        :: else
        fi;
        seen = generation
    };
    if
    :: isGone[me] || mustStop(me) -> goto over
    :: isDeleted || generation != seen -> goto look
    :: !isDeleted && generation == seen && (owner == NOBODY || isOver(owner))
    fi;
#ifdef LEASE_FIRST
    lease();
    place();
#else
    place();
    lease();
#endif

    /* Leave. From here on nothing but the end of the process ends it. */
    atomic {
        if
        :: isGone[me] -> goto over
        :: !isGone[me] && mustStop(me) -> goto stop
        :: else
        fi;
#ifdef NO_GATE
        isBusy[me] = true;
#endif
        isAtProvider[me] = true; inFlight++;
        assert(inFlight == 1)
    };
    /* The provider's part is done whatever becomes of who asked. */
    atomic {
        inFlight--; isAtProvider[me] = false;
        if
        :: sent == newest -> newest++; given = newest; answer = granted
        :: sent != newest && provider == lenient -> given = newest; answer = granted
        :: sent != newest && provider == strict -> answer = refused
        fi
#ifdef NO_COMMIT
        ; isBusy[me] = false
#endif
    };
#ifdef CALLER_ENDS
    atomic {
        if
        :: hasGivenUp[me] && !isGone[me] -> isBusy[me] = false; goto stop
        :: else
        fi
    };
#endif
    atomic {
        if
        :: isGone[me] -> goto over
        :: else
        fi;
        isBusy[me] = false;
        if
        :: answer == granted && isDeleted ->
#ifndef NO_OUTBOX
            putInOutbox(given)
#endif
        :: answer == granted && !isDeleted && generation == seen ->
            token = given; generation++; owner = NOBODY; hasLostReply = false
        :: answer == refused && !isDeleted && owner == me && fence == own ->
            assert(hasLostReply); /* it is a reply of ours that got lost, and that is what the user is told */
            owner = NOBODY; isUncertain = true
        :: else
        fi
    };
    goto look;

stop:
    atomic {
        if
        :: isGone[me] -> goto over
        :: else -> isBusy[me] = false
        fi;
#ifndef NO_RELEASE
        if
        :: !isDeleted && owner == me && fence == own && own != 0 -> owner = NOBODY
        :: else
        fi
#endif
    };
over:
    skip
}

/* The rest of a process: its caller, its end. One that is long-lived does not end. */
proctype Host(byte me) {
    if
    :: hasGivenUp[me] = true
    :: true
    fi;
    if
    :: true -> goto over
    :: atomic { kills < KILLS -> kills++; isKilled[me] = true; isGone[me] = true }; goto over
    :: isClosing[me] = true
    fi;
    if
    :: atomic { kills < KILLS -> kills++; isKilled[me] = true; isGone[me] = true }
#ifdef NO_WAIT
    :: isGone[me] = true
#else
    :: atomic { !isBusy[me] -> isGone[me] = true }
#endif
    fi;
over:
    skip
}

/* The token is deleted, or not. Its row goes into the outbox in the same commit. */
active proctype Deleter() {
    if
    :: atomic { isDeleted = true; owner = NOBODY; putInOutbox(token) }
    :: true
    fi
}

active proctype End() {
    byte each;

    atomic {
        timeout ->
        assert(owner == NOBODY || isKilled[owner]);
        assert(provider == strict || !isUncertain);
        assert(kills > 0 || !isUncertain);
        if
        :: isDeleted -> assert(outbox > newest || kills > 0)
        :: !isDeleted -> assert(token == newest || owner != NOBODY || hasLostReply)
        fi
    }
}

init {
    byte each;
    atomic {
        if
        :: provider = lenient
        :: provider = strict
        fi;
        for (each : 0 .. PROCESSES - 1) { run Exchange(each); run Host(each) }
    }
}
