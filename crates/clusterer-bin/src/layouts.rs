//! The layouts of all packets that are known, in one table.
//!
//! Names are those of the listings that lie beside the captured packets in `tests/packets`; what has
//! not been captured is named alike.

use crate::Dialect::{V22, V24};
use crate::{Dialect, Element, Field, Kind, Layout};

pub(crate) const LAYOUTS: &[Layout] = &[
    // OpenSIPS 2.2. All are of version 1, and begin with the sender's machine id.
    packet(V22, "clusterer", 0, 1, "PING", NONCE),
    packet(V22, "clusterer", 1, 1, "PONG", NONCE),
    packet(V22, "ratelimit", 0, 1, "RL_PIPE_COUNTER", &[repeat("pipes", PIPE_22)]),
    packet(V22, "dialog", 1, 1, "DLG_CREATED", DIALOG_22),
    packet(V22, "dialog", 2, 1, "DLG_UPDATED", DIALOG_22),
    packet(V22, "dialog", 3, 1, "DLG_DELETED", &[str("callid"), str("from_tag"), str("to_tag")]),
    packet(V22, "dialog", 4, 1, "DLG_PROFILE", &[repeat("profiles", PROFILE)]),
    packet(V22, "ul", 1, 1, "UL_URECORD_INSERT", &[str("domain"), str("aor")]),
    packet(V22, "ul", 2, 1, "UL_URECORD_DELETE", &[str("domain"), str("aor")]),
    packet(V22, "ul", 3, 1, "UL_UCONTACT_INSERT", CONTACT_22),
    packet(V22, "ul", 4, 1, "UL_UCONTACT_UPDATE", CONTACT_22),
    packet(
        V22,
        "ul",
        5,
        1,
        "UL_UCONTACT_DELETE",
        &[str("domain"), str("aor"), str("contact"), str("callid"), int("cseq")],
    ),
    // 2.4 to 4.x, as 3.3 and later number them. Internal packets begin with cluster and source, all
    // others end with cluster, source and destination.
    packet(V24, "clusterer-internal", 0, 1, "PING", &[int("req_node_list")]),
    packet(V24, "clusterer-internal", 1, 1, "PONG", &[counted("nodes", Element::Int)]),
    packet(
        V24,
        "clusterer-internal",
        2,
        1,
        "LS_UPDATE",
        &[int("seq_no"), int("timestamp"), int("neighbour_id"), int("new_link_state"), PATH],
    ),
    packet(
        V24,
        "clusterer-internal",
        3,
        1,
        "FULL_TOP_UPDATE",
        &[int("seq_no"), int("timestamp"), counted("nodes", TOPOLOGY_NODE), PATH],
    ),
    packet(V24, "clusterer-internal", 4, 1, "UNKNOWN_ID", &[]),
    packet(
        V24,
        "clusterer-internal",
        5,
        1,
        "NODE_DESCRIPTION",
        &[str("url"), str("sip_addr"), int("priority"), int("no_ping_retries"), PATH],
    ),
    packet(
        V24,
        "clusterer-internal",
        9,
        1,
        "CAP_UPDATE",
        &[
            int("seq_no"),
            int("timestamp"),
            counted("nodes", CAPABLE_NODE),
            int("require_reply"),
            PATH,
        ],
    ),
    packet(V24, "clusterer-extra", 6, 1, "REMOVE_NODE", &[int("target_node_id")]),
    packet(
        V24,
        "clusterer-extra",
        7,
        1,
        "GENERIC_MSG",
        &[int("req_like"), str("tag"), str("message")],
    ),
    packet(
        V24,
        "clusterer-extra",
        8,
        1,
        "MI_CMD",
        &[str("mi_command_name"), counted("params", Element::Str)],
    ),
    packet(V24, "clusterer-extra", 10, 3, "SYNC_REQ", &[str("capability")]),
    packet(
        V24,
        "clusterer-extra",
        11,
        3,
        "SYNC",
        &[
            str("capability"),
            int("data_version"),
            field("chunks", Kind::Chunks { by: "capability", known: SYNCED }),
        ],
    ),
    packet(
        V24,
        "clusterer-extra",
        12,
        3,
        "SYNC_END",
        &[str("capability"), int("number_of_chunks_sent")],
    ),
    packet(V24, "clusterer-extra", 13, 1, "SHTAG_ACTIVE", &[str("sharing_tag_name")]),
    packet(V24, "ratelimit-pipe-repl", 0, 1, "RL_PIPE_COUNTER", &[repeat("pipes", PIPE_24)]),
    packet(V24, "dialog-dlg-repl", 1, 4, "DLG_CREATED", DIALOG_24),
    packet(V24, "dialog-dlg-repl", 2, 4, "DLG_UPDATED", DIALOG_24),
    packet(
        V24,
        "dialog-dlg-repl",
        3,
        4,
        "DLG_DELETED",
        &[str("callid"), str("from_tag"), str("to_tag"), int("h_id")],
    ),
    packet(
        V24,
        "dialog-dlg-repl",
        4,
        4,
        "DLG_CSEQ",
        &[str("callid"), str("from_tag"), str("to_tag"), int("h_id"), int("cseq")],
    ),
    packet(
        V24,
        "dialog-dlg-repl",
        5,
        4,
        "DLG_VALUE",
        &[
            str("callid"),
            int("h_id"),
            str("name"),
            choice("type", &[(1, &[str("value")]), (2, &[int("value")])]),
        ],
    ),
    packet(V24, "dialog-prof-repl", 4, 4, "DLG_PROFILE", &[repeat("profiles", PROFILE)]),
    packet(V24, "usrloc-contact-repl", 1, 5, "AOR_INSERT", AOR_INSERT),
    packet(V24, "usrloc-contact-repl", 2, 5, "AOR_DELETE", &[str("domain"), str("aor")]),
    packet(V24, "usrloc-contact-repl", 3, 5, "CONTACT_INSERT", CONTACT_INSERT),
    packet(
        V24,
        "usrloc-contact-repl",
        4,
        5,
        "CONTACT_UPDATE",
        &[
            str("domain"),
            str("aor"),
            str("contact"),
            str("callid"),
            str("user_agent"),
            str("path"),
            str("attr"),
            str("received"),
            str("instance"),
            str("expires"),
            str("q"),
            str("sock"),
            int("cseq"),
            int("flags"),
            str("cflags"),
            int("methods"),
            str("last_modified"),
            str("kv"),
            str("contact_id"),
            MATCH,
        ],
    ),
    packet(
        V24,
        "usrloc-contact-repl",
        5,
        5,
        "CONTACT_DELETE",
        &[str("domain"), str("aor"), str("contact"), str("callid"), int("cseq"), MATCH],
    ),
];

/// What a sync carries, by capability. The others have nothing to sync.
const SYNCED: &[(&str, &[Field])] = &[
    ("dialog-dlg-repl", DIALOG_24),
    ("usrloc-contact-repl", &[choice("chunk_kind", &[(0, AOR_INSERT), (1, CONTACT_INSERT)])]),
];

const NONCE: &[Field] = &[int("nonce")];

/// The nodes that have forwarded a flooded packet, its originator first.
const PATH: Field = counted("path", Element::Int);

const PIPE_22: Element =
    Element::Group(&[str("pipe_name"), int("algorithm"), int("limit"), int("counter")]);

const PIPE_24: Element = Element::Group(&[
    str("pipe_name"),
    int("flags"),
    int("algorithm"),
    int("limit"),
    int("counter"),
]);

const PROFILE: Element =
    Element::Group(&[str("profile_name"), flag("has_value", &[str("value")]), int("count")]);

const TOPOLOGY_NODE: Element = Element::Group(&[
    int("node_id"),
    flag(
        "has_description",
        &[str("url"), str("sip_addr"), int("priority"), int("no_ping_retries")],
    ),
    int("ls_seq_no"),
    int("ls_timestamp"),
    counted("neighbours", Element::Int),
]);

const CAPABLE_NODE: Element = Element::Group(&[
    int("node_id"),
    counted("capabilities", Element::Group(&[str("capability_name"), int("state")])),
]);

const DIALOG_22: &[Field] = &[
    str("callid"),
    str("from_tag"),
    str("to_tag"),
    str("from_uri"),
    str("to_uri"),
    int("h_id"),
    int("start_ts"),
    int("state"),
    str("caller_bind_socket"),
    str("callee_bind_socket"),
    str("caller_r_cseq"),
    str("callee_r_cseq"),
    str("caller_route_set"),
    str("callee_route_set"),
    str("caller_contact"),
    str("callee_contact"),
    str("callee_leg_from_uri"),
    str("callee_leg_to_uri"),
    str("dlg_vars"),
    str("profiles"),
    int("user_flags"),
    int("mod_flags"),
    int("flags"),
    int("timeout"),
    int("caller_last_gen_cseq"),
    int("callee_last_gen_cseq"),
];

const DIALOG_24: &[Field] = &[
    str("callid"),
    str("from_tag"),
    str("to_tag"),
    str("from_uri"),
    str("to_uri"),
    int("h_id"),
    int("start_ts"),
    int("state"),
    str("caller_bind_addr_socket"),
    str("callee_bind_addr_socket"),
    str("caller_r_cseq"),
    str("callee_r_cseq"),
    str("caller_route_set"),
    str("callee_route_set"),
    str("caller_contact"),
    str("callee_contact"),
    str("callee_from_uri"),
    str("callee_to_uri"),
    str("caller_in_sdp"),
    str("caller_out_sdp"),
    str("callee_in_sdp"),
    str("callee_out_sdp"),
    str("caller_adv_contact"),
    str("callee_adv_contact"),
    str("vars"),
    str("profiles"),
    int("user_flags"),
    int("mod_flags"),
    int("flags"),
    int("expiry_unix_time"),
    int("caller_last_gen_cseq"),
    int("callee_last_gen_cseq"),
    str("rt_on_answer"),
    str("rt_on_timeout"),
    str("rt_on_hangup"),
];

/// `expires` and `last_modified` hold the sender's `time_t` as it lies in memory, `q` its `int`.
const CONTACT_22: &[Field] = &[
    str("domain"),
    str("aor"),
    str("contact"),
    str("callid"),
    str("user_agent"),
    str("path"),
    str("attr"),
    str("received"),
    str("instance"),
    str("expires"),
    str("q"),
    str("sock"),
    int("cseq"),
    int("flags"),
    int("cflags"),
    int("methods"),
    str("last_modified"),
];

const AOR_INSERT: &[Field] =
    &[str("domain"), str("aor"), int("label"), int("next_clabel"), str("kv")];

/// `contact_id` is eight bytes as they lie in the sender's memory; for the others see [`CONTACT_22`].
const CONTACT_INSERT: &[Field] = &[
    str("domain"),
    str("aor"),
    str("contact"),
    str("contact_id"),
    str("callid"),
    str("user_agent"),
    str("path"),
    str("attr"),
    str("received"),
    str("instance"),
    str("expires"),
    str("q"),
    str("sock"),
    int("cseq"),
    int("flags"),
    str("cflags"),
    int("methods"),
    str("last_modified"),
    str("kv"),
    MATCH,
];

/// How the receiver finds the contact: -1 not told, 0 by contact, 1 by contact and callid, 2 by the
/// parameters that follow.
const MATCH: Field = choice("match_mode", &[(2, &[counted("match_params", Element::Str)])]);

const fn packet(
    dialect: Dialect,
    module: &'static str,
    command: i32,
    version: i16,
    name: &'static str,
    fields: &'static [Field],
) -> Layout {
    Layout { dialect, module, command, version, name, fields }
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind }
}

const fn int(name: &'static str) -> Field {
    field(name, Kind::Int)
}

const fn str(name: &'static str) -> Field {
    field(name, Kind::Str)
}

const fn flag(name: &'static str, fields: &'static [Field]) -> Field {
    field(name, Kind::Flag(fields))
}

const fn choice(name: &'static str, cases: &'static [(i32, &'static [Field])]) -> Field {
    field(name, Kind::Choice(cases))
}

const fn counted(name: &'static str, element: Element) -> Field {
    field(name, Kind::Counted(element))
}

const fn repeat(name: &'static str, element: Element) -> Field {
    field(name, Kind::Repeat(element))
}
