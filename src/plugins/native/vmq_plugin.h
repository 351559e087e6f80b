// The interface between the broker and a plugin in a shared object: plain C, this file is all of
// it.
//
// A plugin is a shared object that exports one function, vmq_plugin_entry(). It returns a
// description with the hooks that the plugin implements; hooks that are NULL are never called.
// docs/plugins/native.md is the guide, examples/plugins has complete plugins.
//
// Strings   pointer and length, any bytes, not terminated. data == NULL means "there is none",
//           which an empty string is not.
// Memory    What the broker hands to a hook is valid until the hook returns; what a plugin needs
//           later it copies. What a plugin hands to the broker is copied during that call, so it
//           may stand on the plugin's stack. Nothing is ever freed by the other side.
// Threads   The broker has several shards, each a thread. Hooks of one shard are called one at a
//           time with that shard's state; hooks of different shards are called at the same time.
//           init, create_shard, destroy_shard and destroy are called one at a time, on any thread.
//           A hook must not block: all clients of its shard wait meanwhile. What takes time is done
//           on a thread of the plugin, see defer.
// Errors    A hook must not let a C++ exception out. One that gets out is caught and logged, and
//           counts as VMQ_NEXT.
// Versions  VMQ_PLUGIN_ABI_VERSION changes only when a plugin that was built before would no longer
//           work; it is then not loaded. Otherwise structures grow at their end: each begins with
//           its size as its maker knew it, and a plugin asks VMQ_HAS before it uses a field that is
//           newer than the oldest broker it is meant for. Flags and numbers may be added; what a
//           plugin does not know it ignores.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Names and types are those of C, which has no references, namespaces and scoped enumerations.
// NOLINTBEGIN(readability-identifier-naming,modernize-use-nullptr)

#define VMQ_PLUGIN_ABI_VERSION 1U

#ifdef __cplusplus
#define VMQ_PLUGIN_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define VMQ_PLUGIN_EXPORT __attribute__((visibility("default")))
#endif

/// Whether the structure that `object` points to is long enough to have `field`.
#define VMQ_HAS(object, field) \
    ((object)->size >= (size_t)((const char*)(&(object)->field + 1) - (const char*)(object)))

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vmq_string {
    const char* data;
    size_t size;
} vmq_string;

/// Never "none": an empty string if `data` is NULL.
static inline vmq_string vmq_string_of(const char* data, size_t size) {
    vmq_string string;
    string.data = data != NULL ? data : "";
    string.size = data != NULL ? size : 0;
    return string;
}

/// What an authorisation hook returns. The first plugin of the chain that says other than NEXT
/// decides; if all say NEXT the client is refused.
enum {
    VMQ_NEXT = 0,      // no opinion: ask the next plugin
    VMQ_OK = 1,        // allowed as it is
    VMQ_ERROR = 2,     // refused, without a reason
    VMQ_ANSWERED = 3,  // as given to an answer_ function during this call
    VMQ_LATER = 4      // it has taken a ticket with defer, the answer comes to a complete_ function
};

enum { VMQ_LOG_DEBUG = 0, VMQ_LOG_INFO = 1, VMQ_LOG_WARNING = 2, VMQ_LOG_ERROR = 3 };

/// Identifiers of MQTT 5 properties [v5 2.2.2.2].
enum {
    VMQ_PROPERTY_PAYLOAD_FORMAT_INDICATOR = 0x01,
    VMQ_PROPERTY_MESSAGE_EXPIRY_INTERVAL = 0x02,  // seconds
    VMQ_PROPERTY_CONTENT_TYPE = 0x03,
    VMQ_PROPERTY_RESPONSE_TOPIC = 0x08,
    VMQ_PROPERTY_CORRELATION_DATA = 0x09,
    VMQ_PROPERTY_SUBSCRIPTION_IDENTIFIER = 0x0B,
    VMQ_PROPERTY_SESSION_EXPIRY_INTERVAL = 0x11,  // seconds
    VMQ_PROPERTY_AUTHENTICATION_METHOD = 0x15,
    VMQ_PROPERTY_AUTHENTICATION_DATA = 0x16,
    VMQ_PROPERTY_REQUEST_PROBLEM_INFORMATION = 0x17,
    VMQ_PROPERTY_REQUEST_RESPONSE_INFORMATION = 0x19,
    VMQ_PROPERTY_RECEIVE_MAXIMUM = 0x21,
    VMQ_PROPERTY_TOPIC_ALIAS_MAXIMUM = 0x22,
    VMQ_PROPERTY_USER_PROPERTY = 0x26,
    VMQ_PROPERTY_MAXIMUM_PACKET_SIZE = 0x27,
    // Of a CONNACK.
    VMQ_PROPERTY_ASSIGNED_CLIENT_IDENTIFIER = 0x12,
    VMQ_PROPERTY_SERVER_KEEP_ALIVE = 0x13,  // seconds
    VMQ_PROPERTY_RESPONSE_INFORMATION = 0x1A,
    VMQ_PROPERTY_MAXIMUM_QOS = 0x24,
    VMQ_PROPERTY_RETAIN_AVAILABLE = 0x25,
    VMQ_PROPERTY_WILDCARD_SUBSCRIPTION_AVAILABLE = 0x28,
    VMQ_PROPERTY_SUBSCRIPTION_IDENTIFIER_AVAILABLE = 0x29,
    VMQ_PROPERTY_SHARED_SUBSCRIPTION_AVAILABLE = 0x2A
};

/// One property. Which member holds the value follows from the identifier; a user property has a
/// name and a text, may come several times, and its order counts.
typedef struct vmq_property {
    uint32_t id;
    uint32_t number;
    vmq_string text;
    vmq_string name;
} vmq_property;

typedef struct vmq_properties {
    const vmq_property* items;
    size_t count;
} vmq_properties;

typedef struct vmq_client {
    vmq_string mountpoint;
    vmq_string client_id;
    vmq_string username;  // none: the client gave none, or is not connected
} vmq_client;

/// One filter of a SUBSCRIBE.
typedef struct vmq_subscription {
    vmq_string filter;
    uint8_t qos;
    uint8_t no_local;             // 0 or 1
    uint8_t retain_as_published;  // 0 or 1
    uint8_t retain_handling;      // 0: send retained messages, 1: if new, 2: do not send
    uint8_t reason_code;          // answers: 0x80 and more refuses this filter with this code
    uint8_t leave;                // answers: 1 asks the next plugin about this filter
    uint8_t reserved[6];          // 0
} vmq_subscription;

/// How the client came in; for listeners with forward_connection_opts.
typedef struct vmq_listener {
    size_t size;
    vmq_string address;
    vmq_string type;                // "mqtt", "mqtts", "mqttws", "mqttwss"
    vmq_string client_certificate;  // DER
    uint16_t port;
} vmq_listener;

// What hooks are told.

/// auth_on_register: a CONNECT.
typedef struct vmq_register_context {
    size_t size;
    vmq_client client;
    vmq_string password;      // none: the client gave none
    vmq_string peer_address;  // behind a proxy, of the client
    uint16_t peer_port;
    uint8_t clean_start;           // clean session in MQTT 3
    uint8_t v5;                    // 0: MQTT 3
    vmq_properties properties;     // v5: of the CONNECT
    const vmq_listener* listener;  // NULL unless the listener forwards it
} vmq_register_context;

/// on_auth: a CONNECT with an authentication method, and every AUTH.
typedef struct vmq_auth_context {
    size_t size;
    vmq_client client;
    vmq_string method;
    vmq_string data;
    vmq_properties properties;  // of the CONNECT while connecting, then of the AUTH
} vmq_auth_context;

/// auth_on_publish (wills as well), on_publish, on_deliver.
typedef struct vmq_publish_context {
    size_t size;
    vmq_client client;  // on_deliver: the receiver
    vmq_string topic;
    vmq_string payload;
    uint8_t qos;
    uint8_t retain;
    uint8_t v5;
    vmq_properties properties;  // what is passed on with the message, and its expiry
} vmq_publish_context;

/// auth_on_subscribe, on_subscribe: once per packet.
typedef struct vmq_subscribe_context {
    size_t size;
    vmq_client client;
    const vmq_subscription* subscriptions;
    size_t subscription_count;
    uint8_t v5;
    vmq_properties properties;  // v5: of the SUBSCRIBE
} vmq_subscribe_context;

/// on_unsubscribe, on_topic_unsubscribed.
typedef struct vmq_unsubscribe_context {
    size_t size;
    vmq_client client;
    const vmq_string* filters;
    size_t filter_count;
    uint8_t all_filters;  // the session ends: every filter goes, and none is listed
    uint8_t v5;
    vmq_properties properties;  // v5: of the UNSUBSCRIBE, if there was one
} vmq_unsubscribe_context;

/// on_register, on_client_wakeup, on_client_offline, on_client_gone, on_session_expired.
typedef struct vmq_client_context {
    size_t size;
    vmq_client client;
    vmq_string peer_address;  // empty when there is no connection
    uint16_t peer_port;
    uint8_t v5;
    vmq_properties properties;  // v5, on_register: what the CONNACK tells
} vmq_client_context;

enum { VMQ_DROP_QUEUE_FULL = 0, VMQ_DROP_EXPIRED = 1, VMQ_DROP_MAX_PACKET_SIZE_EXCEEDED = 2 };

/// on_offline_message, on_message_drop.
typedef struct vmq_message_context {
    size_t size;
    vmq_client client;  // the receiver; without user name
    vmq_string topic;
    vmq_string payload;
    uint8_t qos;
    uint8_t retain;
    uint8_t drop_reason;        // on_message_drop: VMQ_DROP_...
    vmq_properties properties;  // what is passed on with the message, and its expiry
} vmq_message_context;

typedef struct vmq_config_entry {
    vmq_string key;    // as in vernemq.conf
    vmq_string value;  // none: no longer set; secrets of the broker are ******
} vmq_config_entry;

/// change_config.
typedef struct vmq_config_context {
    size_t size;
    const vmq_config_entry* entries;
    size_t entry_count;
    // 1: all settings in force, before the first client or when the plugin is switched on; 0: what
    // has changed
    uint8_t at_start;
} vmq_config_context;

// What authorisation hooks answer. Make an answer with its vmq_..._answer_of function, change what
// is to be changed and hand it over. Changes count with VMQ_OK, the refusal with VMQ_ERROR. A text
// that is "none" changes nothing; a number or list counts if its flag is in `set`. An answer that
// makes no sense (a QoS of 3, a topic with a wildcard) is logged and refuses the client; in
// on_unsubscribe and on_deliver, which can refuse nothing, it changes nothing.

/// For MQTT 5. What MQTT 3 is told is derived from the code.
typedef struct vmq_refusal {
    uint32_t reason_code;  // 0x80 and more; 0: the usual one
    uint32_t reserved;     // 0
    vmq_string reason_string;
    vmq_string server_reference;  // CONNECT only, with 0x9C and 0x9D
} vmq_refusal;

enum {
    VMQ_REGISTER_CLEAN_START = 1 << 0,
    VMQ_REGISTER_SESSION_EXPIRY_INTERVAL = 1 << 1,
    VMQ_REGISTER_MAX_MESSAGE_SIZE = 1 << 2,
    VMQ_REGISTER_MAX_MESSAGE_RATE = 1 << 3,
    VMQ_REGISTER_MAX_INFLIGHT_MESSAGES = 1 << 4,
    VMQ_REGISTER_RETRY_INTERVAL = 1 << 5,
    VMQ_REGISTER_UPGRADE_QOS = 1 << 6,
    VMQ_REGISTER_ALLOW_MULTIPLE_SESSIONS = 1 << 7,
    VMQ_REGISTER_MAX_ONLINE_MESSAGES = 1 << 8,
    VMQ_REGISTER_MAX_OFFLINE_MESSAGES = 1 << 9,
    VMQ_REGISTER_QUEUE_LIFO = 1 << 10,
    VMQ_REGISTER_MAX_CONNECTION_LIFETIME = 1 << 11,
    VMQ_REGISTER_REQUEST_PROBLEM_INFO = 1 << 12,
    VMQ_REGISTER_TOPIC_ALIAS_MAX = 1 << 13,
    VMQ_REGISTER_RECEIVE_MAX_CLIENT = 1 << 14,
    VMQ_REGISTER_RECEIVE_MAX_BROKER = 1 << 15,
    VMQ_REGISTER_MAX_PACKET_SIZE = 1 << 16,
    VMQ_REGISTER_MAX_QOS = 1 << 17,
    VMQ_REGISTER_RETAIN_AVAILABLE = 1 << 18,
    VMQ_REGISTER_WILDCARD_SUBS_AVAILABLE = 1 << 19,
    VMQ_REGISTER_SUB_IDS_AVAILABLE = 1 << 20,
    VMQ_REGISTER_SHARED_SUBS_AVAILABLE = 1 << 21
};

typedef struct vmq_register_answer {
    size_t size;
    int32_t decision;  // VMQ_NEXT, VMQ_OK or VMQ_ERROR
    uint32_t reserved;
    uint64_t set;  // VMQ_REGISTER_... of the numbers below that count
    vmq_refusal refusal;
    vmq_string client_id;
    vmq_string mountpoint;
    vmq_string username;              // counts if the client gave one
    vmq_string response_information;  // v5, for clients that ask for it
    int64_t max_online_messages;      // -1: no limit
    int64_t max_offline_messages;     // -1: no limit
    uint32_t session_expiry_interval_s;
    uint32_t max_message_size;  // bytes, 0: no limit
    uint32_t max_message_rate;  // messages per second, 0: no limit
    uint32_t retry_interval_ms;
    uint32_t max_connection_lifetime_s;  // 0: no limit
    uint32_t max_packet_size;            // v5: bytes the client is sent; may only lower
    uint16_t max_inflight_messages;      // 0: no limit
    uint16_t topic_alias_max;            // v5: aliases the client may define
    uint16_t receive_max_client;         // v5: 1 and more; may only lower
    uint16_t receive_max_broker;         // v5: 1 and more
    uint8_t clean_start;                 // this and what follows: 0 or 1
    uint8_t upgrade_qos;
    uint8_t allow_multiple_sessions;
    uint8_t queue_lifo;
    uint8_t request_problem_info;  // v5: instead of what the client asked
    // v5: what the client may use; it is told so and held to it.
    uint8_t retain_available;
    uint8_t wildcard_subs_available;
    uint8_t sub_ids_available;
    uint8_t shared_subs_available;
    uint8_t max_qos;  // 0 to 2
} vmq_register_answer;

typedef struct vmq_auth_answer {
    size_t size;
    int32_t decision;
    uint8_t continues;  // VMQ_OK: 1 to send AUTH and wait for the client's, 0: it has succeeded
    uint8_t reserved[3];
    vmq_refusal refusal;
    vmq_string data;           // authentication data to send
    vmq_string reason_string;  // VMQ_OK
} vmq_auth_answer;

enum {
    VMQ_PUBLISH_QOS = 1 << 0,
    VMQ_PUBLISH_RETAIN = 1 << 1,
    VMQ_PUBLISH_THROTTLE = 1 << 2,
    VMQ_PUBLISH_PROPERTIES = 1 << 3
};

/// auth_on_publish; on_deliver, where only topic, payload and properties count.
typedef struct vmq_publish_answer {
    size_t size;
    int32_t decision;
    uint32_t throttle_ms;  // nothing more is read from the client for so long
    uint64_t set;          // VMQ_PUBLISH_...
    vmq_refusal refusal;
    vmq_string topic;
    vmq_string payload;
    vmq_string mountpoint;  // to route the message in
    /// Replaces what is passed on: payload format indicator, content type, response topic,
    /// correlation data, user properties. A message expiry interval counts in auth_on_publish; a
    /// list without one leaves it as it is.
    vmq_properties properties;
    uint8_t qos;
    uint8_t retain;
} vmq_publish_answer;

enum { VMQ_SUBSCRIBE_SUBSCRIPTIONS = 1 << 0 };

typedef struct vmq_subscribe_answer {
    size_t size;
    int32_t decision;
    uint32_t reserved;
    uint64_t set;  // VMQ_SUBSCRIBE_...
    vmq_refusal refusal;
    const vmq_subscription* subscriptions;  // instead of the client's; SUBACK follows this list
    size_t subscription_count;
    // v5, for the SUBACK; left out for a client that wants no problem information. Of properties
    // only user properties count.
    vmq_string reason_string;
    vmq_properties properties;
} vmq_subscribe_answer;

enum { VMQ_UNSUBSCRIBE_FILTERS = 1 << 0 };

typedef struct vmq_unsubscribe_answer {
    size_t size;
    int32_t decision;
    uint32_t reserved;
    uint64_t set;               // VMQ_UNSUBSCRIBE_...
    const vmq_string* filters;  // instead of the client's
    size_t filter_count;
    vmq_string reason_string;  // v5, for the UNSUBACK, as above
    vmq_properties properties;
} vmq_unsubscribe_answer;

// An answer with nothing set.
#define VMQ_DEFINE_ANSWER(NAME)                      \
    static inline NAME NAME##_of(int32_t decision) { \
        NAME answer;                                 \
        memset(&answer, 0, sizeof(answer));          \
        answer.size = sizeof(answer);                \
        answer.decision = decision;                  \
        return answer;                               \
    }
VMQ_DEFINE_ANSWER(vmq_register_answer)
VMQ_DEFINE_ANSWER(vmq_auth_answer)
VMQ_DEFINE_ANSWER(vmq_publish_answer)
VMQ_DEFINE_ANSWER(vmq_subscribe_answer)
VMQ_DEFINE_ANSWER(vmq_unsubscribe_answer)
#undef VMQ_DEFINE_ANSWER

/// A message for host->publish. All zero but its size and topic is a message of QoS 0 without
/// payload in the mountpoint "".
typedef struct vmq_message {
    size_t size;
    vmq_string mountpoint;
    vmq_string topic;  // without wildcards; may begin with $
    vmq_string payload;
    vmq_properties properties;  // as in vmq_publish_answer
    uint8_t qos;
    uint8_t retain;
} vmq_message;

/// The call of a hook under way; valid until the hook returns, on its thread.
typedef struct vmq_call vmq_call;

/// Stands for an answer that is still to come. Never 0, never used again.
typedef uint64_t vmq_ticket;

/// What the broker offers. One per plugin; the functions take it as their first argument. It stays
/// valid for the life of the process.
typedef struct vmq_host {
    size_t size;
    uint32_t abi_version;
    uint32_t shard_count;
    vmq_string broker_version;
    vmq_string plugin_name;  // NAME of plugins.NAME.path

    /// One line in the broker's log, with the plugin's name in front. Any thread.
    void (*log)(const struct vmq_host* host, int32_t level, vmq_string text);

    /// The setting NAME.key of the configuration; none if it is not there. Valid for the life of
    /// the process. Any thread.
    vmq_string (*setting)(const struct vmq_host* host, vmq_string key);
    /// All of them, in the order of their keys, `index` from 0: the key without NAME, and the value
    /// if `value` is not NULL. None behind the last one.
    vmq_string (*setting_at)(const struct vmq_host* host, size_t index, vmq_string* value);

    /// For init: why it fails. Returns what init has to return then.
    int32_t (*fail)(const struct vmq_host* host, vmq_string reason);

    /// For the hooks of the same name: their answer, if it is more than one word. The last one
    /// counts. Each returns what the hook has to return then.
    int32_t (*answer_register)(vmq_call* call, const vmq_register_answer* answer);
    int32_t (*answer_auth)(vmq_call* call, const vmq_auth_answer* answer);
    int32_t (*answer_publish)(vmq_call* call, const vmq_publish_answer* answer);
    int32_t (*answer_subscribe)(vmq_call* call, const vmq_subscribe_answer* answer);
    int32_t (*answer_unsubscribe)(vmq_call* call, const vmq_unsubscribe_answer* answer);

    /// For auth_on_register, on_auth, auth_on_publish and auth_on_subscribe: a ticket to answer
    /// with later, after which the hook returns VMQ_LATER. Nothing more is read from the client
    /// until then. 0: not possible, because too many answers are awaited or the broker is stopping;
    /// the hook then has to answer at once. If no answer comes within hook_timeout (15 s
    /// unless configured) that counts as VMQ_NEXT.
    vmq_ticket (*defer)(vmq_call* call);

    /// The answer to a ticket of that hook: any thread, also before the hook has returned. 1: it is
    /// on its way. 0: nobody waits for it, because it was answered before, took too long, or the
    /// broker has stopped. Never a mistake, and no harm if the client is gone.
    int32_t (*complete_register)(const struct vmq_host* host, vmq_ticket ticket,
                                 const vmq_register_answer* answer);
    int32_t (*complete_auth)(const struct vmq_host* host, vmq_ticket ticket,
                             const vmq_auth_answer* answer);
    int32_t (*complete_publish)(const struct vmq_host* host, vmq_ticket ticket,
                                const vmq_publish_answer* answer);
    int32_t (*complete_subscribe)(const struct vmq_host* host, vmq_ticket ticket,
                                  const vmq_subscribe_answer* answer);

    // What a plugin may have the broker do; any thread, and nothing waits. 1: it will be done. 0:
    // it makes no sense, which the log explains, or the broker is starting or stopping, or 10,000
    // wishes of the plugin have not been carried out yet.

    /// Publishes in the broker's own name: no hook is asked. Messages of one plugin keep their
    /// order.
    int32_t (*publish)(const struct vmq_host* host, const vmq_message* message);
    /// Disconnects a client as an administrator does; `cleanup` 1: its session ends as well.
    int32_t (*disconnect)(const struct vmq_host* host, vmq_string mountpoint, vmq_string client_id,
                          int32_t cleanup);
    /// Asks auth_on_subscribe about all subscriptions of a client again: for a plugin whose rules
    /// have changed. What is refused then ends.
    int32_t (*reauthorize)(const struct vmq_host* host, vmq_string mountpoint,
                           vmq_string client_id);
} vmq_host;

/// Flags of `immediate`.
enum {
    VMQ_HOOK_AUTH_ON_REGISTER = 1 << 0,
    VMQ_HOOK_ON_AUTH = 1 << 1,
    VMQ_HOOK_AUTH_ON_PUBLISH = 1 << 2,
    VMQ_HOOK_AUTH_ON_SUBSCRIBE = 1 << 3
};

/// A plugin. `shard` is what create_shard returned for the shard the hook is called on.
typedef struct vmq_plugin {
    uint32_t abi_version;  // VMQ_PLUGIN_ABI_VERSION; stands first in every version
    uint32_t immediate;    // VMQ_HOOK_...: hooks that never call defer, which makes them cheaper
    size_t size;           // sizeof(vmq_plugin)
    vmq_string version;    // of the plugin, for the log; may be none

    /// Begins the work. *instance is handed to the functions below. 0: done, else what host->fail
    /// returned; destroy is not called then. May be NULL, and then *instance is NULL.
    int32_t (*init)(const vmq_host* host, void** instance);
    /// Ends it: when this returns, no thread of the plugin runs any more. May be NULL.
    void (*destroy)(void* instance);
    /// State for one shard, from 0 to host->shard_count - 1; may be NULL, and then `shard` of the
    /// hooks is the instance.
    void* (*create_shard)(void* instance, uint32_t number);
    /// After the last hook of that shard, before destroy. May be NULL.
    void (*destroy_shard)(void* shard);

    // All plugins are asked in turn until one has an opinion.
    int32_t (*auth_on_register)(void* shard, const vmq_register_context* context, vmq_call* call);
    int32_t (*on_auth)(void* shard, const vmq_auth_context* context, vmq_call* call);
    int32_t (*auth_on_publish)(void* shard, const vmq_publish_context* context, vmq_call* call);
    int32_t (*auth_on_subscribe)(void* shard, const vmq_subscribe_context* context, vmq_call* call);
    int32_t (*on_unsubscribe)(void* shard, const vmq_unsubscribe_context* context, vmq_call* call);
    int32_t (*on_deliver)(void* shard, const vmq_publish_context* context, vmq_call* call);

    // All plugins are told.
    void (*on_register)(void* shard, const vmq_client_context* context);
    void (*on_publish)(void* shard, const vmq_publish_context* context);
    void (*on_subscribe)(void* shard, const vmq_subscribe_context* context);
    void (*on_topic_unsubscribed)(void* shard, const vmq_unsubscribe_context* context);
    void (*on_offline_message)(void* shard, const vmq_message_context* context);
    void (*on_message_drop)(void* shard, const vmq_message_context* context);
    void (*on_client_wakeup)(void* shard, const vmq_client_context* context);
    void (*on_client_offline)(void* shard, const vmq_client_context* context);
    void (*on_client_gone)(void* shard, const vmq_client_context* context);
    void (*on_session_expired)(void* shard, const vmq_client_context* context);
    /// On every shard: before the first client, and when the configuration has changed. Settings of
    /// the plugin itself come as well; host->setting keeps telling those of the start.
    void (*change_config)(void* shard, const vmq_config_context* context);
} vmq_plugin;

#ifdef __cplusplus
}
#endif

/// The one function a plugin exports; declare it with VMQ_PLUGIN_EXPORT. `abi_version` is the
/// broker's, for plugins that know several. Returns a description that is valid as long as the
/// object is loaded. Nothing else of the plugin is called before the broker has checked it.
///
///     VMQ_PLUGIN_EXPORT const vmq_plugin* vmq_plugin_entry(uint32_t abi_version);
#define VMQ_PLUGIN_ENTRY "vmq_plugin_entry"

typedef const vmq_plugin* (*vmq_plugin_entry_function)(uint32_t abi_version);

// NOLINTEND(readability-identifier-naming,modernize-use-nullptr)
