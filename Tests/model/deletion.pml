/* The deletion of a connection while others use it, and while others make one of the same id, as in
 * Sources/Vault/Apps/AppOperations.swift. Tests/model/check has spin go through every order of events.
 *
 * Each connection that is made has an incarnation of its own: in the code 16 random bytes, here the next number. It has
 * endpoints of its own too, since the operator may have moved to another provider. What is kept of it carries its
 * incarnation, and each commit about it fails unless the connection's row is at that incarnation at that moment. A
 * deletion belongs to the incarnation that it was decided for: it marks the row, moves the tokens into the outbox, and
 * removes the row. Whoever finds a marked row may carry that on, and whoever makes a connection must. Flows are left: they
 * are completed at their own incarnation alone.
 *
 * What must hold: a deletion touches nothing of another incarnation, nor does a create that ends in `conflict`; nothing of
 * an incarnation is kept at, sent to or revoked at another; a store that was acknowledged is there until somebody deletes
 * it; each grant of a deleted incarnation is revoked, or in the outbox to be.
 *
 * An operator may die at any point, a commit is an `atomic` block, and what is known between two of them may be out of
 * date. A row's version is the token that it holds, whose numbers only grow within an incarnation.
 *
 * With one of these defined a line of the design is missing, and spin must find what goes wrong:
 *
 *   NO_MARK           a deletion does not mark the connection first
 *   NO_FINISHER       a create removes the row of a deletion that was cut off without carrying the deletion on
 *   SWEEPS_BY_ID      a create takes away what it finds of an id that is free
 *   UNKEPT_REMOVAL    a token is removed whatever the connection's row is by then
 *   UNKEPT_ROW        the connection's row is removed whatever it is by then
 *   UNKEPT_STORE      a token is stored though its connection is marked, gone or another one
 *   UNKEPT_GRANT      what a flow brings is kept though its connection is marked, gone or another one
 *   UNVERSIONED       a token is removed as it was read, though a refresh has replaced it
 *   UNCHECKED_LEASE   a refresh goes to whatever connection has the id
 *   UNCHECKED_REPLY   a reply is kept in whatever row has the key and the generation
 *   UNCHECKED_FLOW    a flow is completed at whatever connection has the id
 *   DROPS_LATE_REPLY  a reply that comes after the deletion is forgotten
 *   DROPS_LATE_GRANT  and so is what a flow brings
 *   REVOKES_BY_ID     the outbox asks whatever connection has the id
 */
#define OPERATORS 2
#define TURNS 2
#define DEATHS 1
#define MOST 3 /* incarnations are 1 to MOST */
#define ABSENT 0

/* Where a token comes from. Each incarnation has a place for either. Who refreshes what was stored and who connects have
 * nothing to do with each other but the connection: they are explored one after the other, by REFRESH and CONNECT. */
#define STORED 0
#define CONNECTED 1
#define GRANTS 8
#define grantOf(incarnation, slot) (2 * (incarnation) + (slot))

/* The connection's row. */
byte incarnation = 1;
bool isBeingDeleted;
byte made = 1;

/* The rows of the tokens, and of a flow: whose they are, and the number of the refresh token. */
byte owner[2], number[2];
byte flow;

/* The outbox, by grant: one more than the number of the newest token in it. */
byte outbox[GRANTS];

/* The providers: the newest refresh token of each grant. One that is spent does not revoke it. */
bool isGranted[GRANTS];
byte newest[GRANTS];

bool isStored[4]; /* what was acknowledged, by incarnation */
byte deaths;

#define isAt(which) (incarnation == (which))
#define stands(which) (incarnation == (which) && !isBeingDeleted)

inline grant(which, slot) {
    assert(!isGranted[grantOf(which, slot)]);
    isGranted[grantOf(which, slot)] = true
}

inline putInOutbox(which, slot, token) {
    if
    :: outbox[grantOf(which, slot)] <= token -> outbox[grantOf(which, slot)] = token + 1
    :: else
    fi
}

inline mortal() {
    if
    :: deaths < DEATHS -> deaths++; goto over
    :: true
    fi
}

/* Deletes the connection of the id, or makes one and stores a token there. */
proctype Operator() {
    byte turns, decided, seen, seenNumber, slot;
    bool creates, wasMarked;

next:
    atomic {
        decided = ABSENT; seen = 0; seenNumber = 0; slot = 0; creates = false; wasMarked = false;
        if
        :: turns == TURNS -> goto over
        :: else -> turns++
        fi;
        if
        :: creates = false
        :: made < MOST -> creates = true
        fi
    };
    atomic { decided = incarnation; wasMarked = isBeingDeleted };
    if
    :: creates && decided != ABSENT && !wasMarked -> goto next /* conflict */
    :: creates && decided != ABSENT && wasMarked
    :: creates && decided == ABSENT ->
#ifndef SWEEPS_BY_ID
        goto make
#endif
    :: !creates && decided == ABSENT -> goto next /* not_found */
    :: !creates && decided != ABSENT ->
        mortal();
        atomic {
            if
            :: isAt(decided) ->
#ifndef NO_MARK
                isBeingDeleted = true
#endif
            :: else -> goto next
            fi
        }
    fi;

#ifdef NO_FINISHER
    if
    :: creates -> goto remove
    :: else
    fi;
#endif
take:
    mortal();
    atomic { seen = owner[slot]; seenNumber = number[slot] };
    if
    :: seen == ABSENT
    :: seen != ABSENT ->
        atomic {
            if
#ifndef UNKEPT_REMOVAL
#ifdef SWEEPS_BY_ID
            :: !isAt(decided) && decided != ABSENT -> goto swept
#else
            :: !isAt(decided) -> goto swept /* somebody else has carried it on */
#endif
#endif
#ifndef UNVERSIONED
            :: isAt(decided) && (owner[slot] != seen || number[slot] != seenNumber) -> goto take
#endif
            :: else ->
                if
                :: owner[slot] != ABSENT ->
                    assert(owner[slot] == decided); /* nothing of another incarnation is taken away */
                    putInOutbox(seen, slot, seenNumber);
                    owner[slot] = ABSENT; number[slot] = 0
                :: else
                fi
            fi
        }
    fi;
#ifdef CONNECT
    if
    :: slot == STORED -> slot = CONNECTED; goto take
    :: else
    fi;
#endif
remove:
    mortal();
    atomic {
        if
#ifndef UNKEPT_ROW
        :: !isAt(decided)
#endif
        :: else ->
            assert(incarnation == ABSENT || incarnation == decided);
            incarnation = ABSENT; isBeingDeleted = false
        fi
    };
swept:
    if
    :: creates
    :: else -> goto next
    fi;

make:
    mortal();
    atomic {
        if
        :: incarnation != ABSENT || made == MOST -> goto next /* conflict */
        :: else -> made++; incarnation = made; decided = made
        fi
    };
    mortal();
    atomic {
        if
#ifdef UNKEPT_STORE
        :: true ->
#else
        :: stands(decided) ->
#endif
            grant(decided, STORED);
            owner[STORED] = decided; number[STORED] = 0; isStored[decided] = true
        :: else
        fi
    };
    goto next;

over:
    skip
}

#ifdef REFRESH
active proctype Refresher() {
    byte asked, own, sent, given, turns;

look:
    atomic {
        asked = ABSENT; own = ABSENT; sent = 0; given = 0;
        if
        :: turns == TURNS -> goto over
        :: else -> turns++
        fi
    };
    atomic { own = owner[STORED]; sent = number[STORED] };
    if
    :: own == ABSENT -> goto look
    :: else
    fi;
    asked = incarnation; /* whose endpoints the request goes to */
    if
    :: asked == ABSENT -> goto look
    :: else
    fi;
    atomic { /* the lease */
        if
#ifdef UNCHECKED_LEASE
        :: owner[STORED] != ABSENT && number[STORED] == sent
#else
        :: stands(asked) && asked == own && owner[STORED] == own && number[STORED] == sent
#endif
        :: else -> goto look
        fi
    };
    atomic {
        assert(asked == own); /* nothing of an incarnation is sent to another */
        if
        :: isGranted[grantOf(own, STORED)] && sent == newest[grantOf(own, STORED)] ->
            newest[grantOf(own, STORED)]++; given = newest[grantOf(own, STORED)]
        :: else -> goto look /* revoked by now */
        fi
    };
    atomic {
        if
#ifdef UNCHECKED_REPLY
        :: owner[STORED] != ABSENT && number[STORED] == sent ->
#else
        :: isAt(own) && owner[STORED] == own && number[STORED] == sent ->
#endif
            assert(owner[STORED] == own); /* a late reply does not replace the token of another incarnation */
            number[STORED] = given
        :: else ->
#ifndef DROPS_LATE_REPLY
            putInOutbox(own, STORED, given)
#endif
        fi
    };
    goto look;

over:
    skip
}

#endif

#ifdef CONNECT
/* A user connects: goes to the provider, and comes back with a code. */
active proctype User() {
    byte at, claimed;

    at = incarnation;
    if
    :: at == ABSENT -> goto over
    :: else -> flow = at /* though it may be deleted by now: a flow lies there until it expires */
    fi;
    atomic { claimed = flow; flow = ABSENT };
    atomic {
        at = incarnation;
        if
        :: claimed == ABSENT || at == ABSENT || isBeingDeleted -> goto over
#ifndef UNCHECKED_FLOW
        :: claimed != at -> goto over
#endif
        :: else
        fi
    };
    atomic {
        assert(at == claimed); /* no code is sent to the endpoints of another incarnation */
        grant(at, CONNECTED)
    };
    atomic {
        if
#ifdef UNKEPT_GRANT
        :: true ->
#else
        :: stands(at) ->
#endif
            owner[CONNECTED] = at; number[CONNECTED] = 0
        :: else ->
#ifndef DROPS_LATE_GRANT
            putInOutbox(at, CONNECTED, 0)
#endif
        fi
    };

over:
    skip
}

#endif

/* Works off the outbox, at the endpoints that each row of it names. */
active proctype Revoker() {
    byte which, asked;

end:
    do
    :: atomic {
        outbox[2] + outbox[3] + outbox[4] + outbox[5] + outbox[6] + outbox[7] > 0 ->
        which = 2;
        do
        :: outbox[which] == 0 -> which++
        :: else -> break
        od;
        asked = which / 2;
#ifdef REVOKES_BY_ID
        if
        :: incarnation != ABSENT && !isBeingDeleted -> asked = incarnation
        :: else
        fi;
#endif
        assert(asked == which / 2); /* no token is shown to another incarnation's provider */
        if
        :: outbox[which] > newest[which] -> isGranted[which] = false
        :: else
        fi;
        outbox[which] = 0; which = 0; asked = 0
    }
    od
}

#define isOfTheRow(whose) ((whose) == ABSENT || (whose) == incarnation)

active proctype Witness() {
    atomic {
        /* No token is kept at an id but by the incarnation that has it. */
        assert(isOfTheRow(owner[STORED]) && isOfTheRow(owner[CONNECTED]));
        assert(incarnation == ABSENT || isBeingDeleted || !isStored[incarnation] || owner[STORED] == incarnation)
    }
}

#define isKept(which, slot) (owner[slot] == (which) && number[slot] == newest[grantOf(which, slot)])

/* No grant is forgotten. The outbox is empty by then. */
active proctype End() {
    byte which;

    atomic {
        timeout ->
        for (which : 1 .. MOST) {
            assert(!isGranted[grantOf(which, STORED)] || isKept(which, STORED));
            assert(!isGranted[grantOf(which, CONNECTED)] || isKept(which, CONNECTED))
        }
    }
}

init {
    byte each;
    atomic {
        grant(1, STORED);
        owner[STORED] = 1; isStored[1] = true;
        for (each : 1 .. OPERATORS) { run Operator() }
    }
}
