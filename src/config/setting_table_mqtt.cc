// Rows of the setting table: registration, sessions, queues, messages.
#include "config/setting_rows.h"

namespace vmq::config::rows {
namespace {

void add_registration(std::vector<Setting>& table) {
    const Setting rows[] = {
        flag("allow_anonymous", "off",
             "Lets clients connect without asking any authentication plugin. Authorisation of "
             "publishes and subscribes still takes place.")
            .built()
            .for_new_sessions(),
        flag("allow_register_during_netsplit", "off",
             "Accepts new connections while nodes of the cluster cannot reach each other.")
            .for_new_sessions(),
        flag("allow_publish_during_netsplit", "off",
             "Accepts publishes while nodes of the cluster cannot reach each other.")
            .for_new_sessions(),
        flag("allow_subscribe_during_netsplit", "off",
             "Accepts subscriptions while nodes of the cluster cannot reach each other.")
            .for_new_sessions(),
        flag("allow_unsubscribe_during_netsplit", "off",
             "Accepts unsubscriptions while nodes of the cluster cannot reach each other.")
            .for_new_sessions(),
        flag("coordinate_registrations", "on",
             "Registers one client id at one place at a time in the whole cluster. Off is faster; "
             "duplicates are then removed after the fact.")
            .for_new_sessions(),
        flag("disconnect_on_unauthorized_publish_v3", "off",
             "Also disconnects MQTT 3.1 clients that publish what they may not.")
            .built()
            .hidden()
            .for_new_sessions(),
        flag("suppress_lwt_on_session_takeover", "off",
             "Keeps the will of a connection back when the same client id connects again.")
            .built()
            .hidden()
            .for_new_sessions(),
        integer("mqtt_connect_timeout", "5000",
                "Time a new connection has to send its CONNECT packet.")
            .unit("ms")
            .range(1, kUint32Max)
            .built()
            .hidden()
            .for_new_sessions(),
        word("metadata_plugin", "vmq_plumtree|vmq_swc", "vmq_swc",
             "Replicated store of subscriptions and retained messages."),
        flag("allow_multiple_sessions", "off",
             "Lets several connections share one client id and its queue.")
            .built()
            .hidden(),
        word("queue_deliver_mode", "fanout|balance", "fanout",
             "With several sessions on one queue: every session gets each message, or one of them "
             "does.")
            .built()
            .hidden(),
    };
    table.insert(table.end(), std::begin(rows), std::end(rows));
}

void add_sessions(std::vector<Setting>& table) {
    const Setting rows[] = {
        integer("max_client_id_size", "100", "Longest client id accepted.")
            .unit("bytes")
            .built()
            .for_new_sessions(),
        integer("max_subscriptions_per_client", "0",
                "Most subscriptions a client may hold; 0 is no limit.")
            .built()
            .for_new_sessions(),
        Row("persistent_client_expiration", ValueType::LongDuration, "never",
            "How long the state of an absent MQTT 3 client with a persistent session is kept.")
            .words("never")
            .unit("s")
            .built()
            .for_new_sessions(),
        Row("max_last_will_delay", ValueType::LongDuration, "client",
            "Upper bound of the will delay MQTT 5 clients ask for; client sets none, 0s sends "
            "every will at once.")
            .words("client")
            .unit("s")
            .built()
            .for_new_sessions(),
        integer("retry_interval", "20",
                "MQTT 3: how long to wait for an acknowledgement before sending again on the same "
                "connection; 0 never does.")
            .unit("s")
            .built()
            .for_new_sessions(),
        integer("max_inflight_messages", "20",
                "MQTT 3: most messages sent and not yet acknowledged; 0 is no limit.")
            .built()
            .for_new_sessions(),
    };
    table.insert(table.end(), std::begin(rows), std::end(rows));
}

void add_mqtt5_and_limits(std::vector<Setting>& table) {
    const Setting rows[] = {
        integer("receive_max_client", "65535",
                "MQTT 5: upper bound of the Receive Maximum a client may ask for.")
            .range(1, kUint16Max)
            .built()
            .hidden()
            .for_new_sessions(),
        integer("receive_max_broker", "65535", "MQTT 5: the broker's own Receive Maximum.")
            .range(1, kUint16Max)
            .built()
            .hidden()
            .for_new_sessions(),
        integer("topic_alias_max_client", "0", "MQTT 5: most topic aliases a client may define.")
            .range(0, kUint16Max)
            .built()
            .hidden()
            .for_new_sessions(),
        integer("topic_alias_max_broker", "0",
                "MQTT 5: most topic aliases the broker defines towards a client.")
            .range(0, kUint16Max)
            .built()
            .hidden()
            .for_new_sessions(),
        integer("topic_max_depth", "10",
                "Most levels of a topic or filter; $share and its group count as two.")
            .range(1, kUint32Max)
            .built(),
        integer("max_message_size", "0",
                "Largest packet accepted from a client, fixed header not counted; 0 is what MQTT "
                "allows.")
            .unit("bytes")
            .built()
            .for_new_sessions(),
        integer("max_message_rate", "0",
                "Most messages per second a client may publish before it is slowed down; 0 is no "
                "limit.")
            .unit("messages/s")
            .built()
            .hidden()
            .for_new_sessions(),
        flag("upgrade_outgoing_qos", "off",
             "Delivers with the QoS of the subscription even if the message was published with a "
             "lower one.")
            .built()
            .for_new_sessions(),
        integer("max_session_expiry_interval", "0",
                "MQTT 5: upper bound of the session expiry interval clients ask for; 0 sets none. "
                "Not known to VerneMQ.")
            .unit("s")
            .built()
            .hidden()
            .for_new_sessions(),
        integer("server_keep_alive_max", "0",
                "MQTT 5: longest keep alive accepted; a client that asks for more is told this "
                "one. 0 sets none. Not known to VerneMQ.")
            .unit("s")
            .range(0, kUint16Max)
            .built()
            .hidden()
            .for_new_sessions(),
    };
    table.insert(table.end(), std::begin(rows), std::end(rows));
}

void add_queues(std::vector<Setting>& table) {
    const Setting rows[] = {
        integer("max_online_messages", "1000",
                "Most messages waiting for a connected client; -1 is no limit, 0 delivers nothing.")
            .range(-1, kInt32Max)
            .built()
            .for_new_sessions(),
        integer("max_offline_messages", "1000",
                "Most messages kept for an absent client; -1 is no limit, 0 keeps nothing.")
            .range(-1, kInt32Max)
            .built()
            .for_new_sessions(),
        flag("override_max_online_messages", "off",
             "Moves all kept messages to the connection when a client returns, whatever "
             "max_online_messages says.")
            .built()
            .for_new_sessions(),
        word("queue_type", "fifo|lifo", "fifo",
             "Order of delivery, and with it which message is dropped from a full queue.")
            .built()
            .hidden()
            .for_new_sessions(),
        integer("max_drain_time", "500",
                "Time the emptied queue stays on the old node after a migration.")
            .unit("ms")
            .hidden(),
        integer("max_msgs_per_drain_step", "100", "Messages moved at once in a migration.")
            .hidden(),
        word("shared_subscription_policy",
             "prefer_local|random|local_only|prefer_online_before_local", "prefer_local",
             "Which members of a shared subscription are considered for a message.")
            .built()
            .live(),
        word("shared_subscription_timeout_action", "ignore|requeue", "ignore",
             "When a member on another node does not answer in time: take the message as "
             "delivered, or try another member.")
            .hidden(),
        word("subscriber_retain_mode", "immediate|syncwait", "immediate",
             "Whether retained messages are looked up at once or after replication had time to "
             "arrive.")
            .hidden()
            .live(),
        integer(
            "expire_retain_cache", "0",
            "Interval at which expired retained messages are removed; 0 leaves it to the broker.")
            .unit("s")
            .built(),
        integer("max_retained_messages", "0",
                "Most retained messages of the node; 0 is no limit. Not known to VerneMQ.")
            .built()
            .hidden(),
        atom("default_reg_view", "vmq_reg_trie",
             "Routing table that sessions use. This broker has one, whatever its name.")
            .no_meaning()
            .done_anyway("vmq_reg_trie|vmq_reg_ordered_trie")
            .hidden(),
        list("reg_views", "[vmq_reg_trie]",
             "Routing tables that are kept. This broker has one, whatever its name.")
            .no_meaning()
            .done_anyway("vmq_reg_trie|vmq_reg_ordered_trie")
            .hidden(),
        atom("message_store_plugin", "vmq_generic_msg_store",
             "Implementation of the store of offline messages.")
            .hidden(),
    };
    table.insert(table.end(), std::begin(rows), std::end(rows));
}

}  // namespace

void add_mqtt_settings(std::vector<Setting>& table) {
    add_registration(table);
    add_sessions(table);
    add_mqtt5_and_limits(table);
    add_queues(table);
}

}  // namespace vmq::config::rows
