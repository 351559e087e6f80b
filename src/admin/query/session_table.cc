#include "admin/query/session_table.h"

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace vmq::admin::query {
namespace {

using broker::ConnectionPicture;
using broker::QueuedMessagePicture;
using broker::SessionPicture;
using broker::SubscriptionPicture;

/// A session with one of its connections, subscriptions and messages, each null if there is none or
/// none was asked for.
struct Seen {
    const std::string& node;
    const SessionPicture& session;
    const ConnectionPicture* connection = nullptr;
    const SubscriptionPicture* subscription = nullptr;
    const QueuedMessagePicture* message = nullptr;
};

/// The form in which VerneMQ writes what identifies a queue or a session.
std::string process_id(std::uint64_t number) { return "<0." + std::to_string(number) + ".0>"; }

std::size_t online_queued(const SessionPicture& session) {
    std::size_t queued = 0;
    for (const ConnectionPicture& each : session.connections) queued += each.queued;
    return queued;
}

bool online(const Seen& seen) { return !seen.session.connections.empty(); }

/// As MQTT numbers them: 3, 4, 5, and 128 more for bridges.
std::int64_t protocol_of(const ConnectionPicture& connection) {
    return static_cast<std::int64_t>(connection.version) + (connection.bridge ? 128 : 0);
}

/// Queue and sequence, 16 bytes in base64. Nothing for what is never stored.
Value message_reference(const Seen& seen) {
    if (seen.message->sequence == 0) return {};
    std::array<unsigned char, 16> bytes{};
    std::size_t at = 0;
    for (const std::uint64_t part : {seen.session.number, seen.message->sequence}) {
        for (unsigned shift = 64; shift > 0; shift -= 8) {
            bytes[at++] = static_cast<unsigned char>(part >> (shift - 8));
        }
    }
    std::array<unsigned char, 25> text{};  // with the zero that OpenSSL puts behind it
    const int size = EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(bytes.size()));
    return std::string(text.begin(), text.begin() + size);
}

/// What only MQTT 5 knows is unset for older clients.
bool is_older(const Seen& seen) {
    return seen.connection != nullptr && seen.connection->version != mqtt::ProtocolVersion::V5;
}

using Read = Value (*)(const Seen&);

/// What a field is about: then there is nothing in it without one of these.
enum class About : std::uint8_t { Session, Connection, Subscription, Message };

struct Column {
    Field field;
    About about;
    Read read;
};

constexpr bool kShown = true;

constexpr Column session(std::string_view name, Type type, Read read, std::string_view help,
                         bool shown = false) {
    return {{name, type, help, shown}, About::Session, read};
}
constexpr Column connection(std::string_view name, Type type, Read read, std::string_view help,
                            bool shown = false) {
    return {{name, type, help, shown}, About::Connection, read};
}
constexpr Column subscription(std::string_view name, Type type, Read read, std::string_view help) {
    return {{name, type, help, false, false}, About::Subscription, read};
}
constexpr Column message(std::string_view name, Type type, Read read, std::string_view help) {
    return {{name, type, help, false, false}, About::Message, read};
}

constexpr std::array kColumns{
    session(
        "node", Type::Text, [](const Seen& seen) { return text_value(seen.node); },
        "node that holds the queue"),
    session(
        "mountpoint", Type::Text,
        [](const Seen& seen) { return text_value(seen.session.mountpoint); },
        "mountpoint of the client", kShown),
    session(
        "client_id", Type::Text,
        [](const Seen& seen) { return text_value(seen.session.client_id); }, "client id", kShown),
    session(
        "queue_pid", Type::Text,
        [](const Seen& seen) -> Value { return process_id(seen.session.number); },
        "identifies the queue on this node"),
    connection(
        "session_pid", Type::Text,
        [](const Seen& seen) -> Value { return process_id(seen.connection->number); },
        "identifies the connection on this node"),
    session(
        "queue_size", Type::Integer,
        [](const Seen& seen) {
            return number_value(seen.session.offline_queued + online_queued(seen.session));
        },
        "messages that wait, online or offline"),
    session(
        "is_online", Type::Boolean, [](const Seen& seen) -> Value { return online(seen); },
        "whether the client is connected", kShown),
    session(
        "is_offline", Type::Boolean, [](const Seen& seen) -> Value { return !online(seen); },
        "whether the client is away"),
    session(
        "statename", Type::Text,
        [](const Seen& seen) { return text_value(online(seen) ? "online" : "offline"); },
        "state of the queue: online or offline"),
    session(
        "deliver_mode", Type::Text,
        [](const Seen& seen) { return text_value(seen.session.balanced ? "balance" : "fanout"); },
        "how several sessions of the client share its messages: fanout or balance"),
    session(
        "offline_messages", Type::Integer,
        [](const Seen& seen) { return number_value(seen.session.offline_queued); },
        "messages that wait for a client that is away"),
    session(
        "online_messages", Type::Integer,
        [](const Seen& seen) { return number_value(online_queued(seen.session)); },
        "messages that wait for a connected client"),
    session(
        "num_sessions", Type::Integer,
        [](const Seen& seen) { return number_value(seen.session.connections.size()); },
        "connections of the client"),
    session(
        "clean_session", Type::Boolean,
        [](const Seen& seen) -> Value {
            return seen.connection != nullptr && seen.connection->clean_start;
        },
        "whether the client asked for a clean session"),
    session(
        "is_plugin", Type::Boolean, [](const Seen&) -> Value { return false; },
        "whether the queue belongs to a plugin"),
    session(
        "queue_started_at", Type::Integer,
        [](const Seen& seen) -> Value { return seen.session.since; },
        "when the queue was made or read from the store, milliseconds since 1970"),
    session(
        "session_expiry", Type::Integer,
        [](const Seen& seen) { return number_value(seen.session.expiry_interval_s); },
        "seconds that the session outlives its connection, 4294967295: for ever"),
    session(
        "num_subscriptions", Type::Integer,
        [](const Seen& seen) { return number_value(seen.session.subscription_count); },
        "subscriptions of the client"),
    connection(
        "session_started_at", Type::Integer,
        [](const Seen& seen) -> Value { return seen.connection->since; },
        "when the client connected, milliseconds since 1970"),
    connection(
        "user", Type::Text,
        [](const Seen& seen) -> Value {
            if (!seen.connection->username) return {};
            return text_value(*seen.connection->username);
        },
        "user name, unset if the client gave none", kShown),
    connection(
        "peer_host", Type::Text,
        [](const Seen& seen) { return text_value(seen.connection->peer_host); },
        "address of the client", kShown),
    connection(
        "peer_port", Type::Integer,
        [](const Seen& seen) { return number_value(seen.connection->peer_port); },
        "port of the client", kShown),
    connection(
        "protocol", Type::Integer,
        [](const Seen& seen) -> Value { return protocol_of(*seen.connection); },
        "MQTT version: 3, 4 or 5, 131 or 132 for bridges"),
    connection(
        "keep_alive", Type::Integer,
        [](const Seen& seen) { return number_value(seen.connection->keep_alive_s); },
        "keep-alive in seconds, 0: none"),
    connection(
        "waiting_acks", Type::Integer,
        [](const Seen& seen) { return number_value(seen.connection->waiting_acks); },
        "messages sent and not yet acknowledged"),
    subscription(
        "topic", Type::Text, [](const Seen& seen) { return text_value(seen.subscription->filter); },
        "topic filter of a subscription"),
    subscription(
        "qos", Type::Integer,
        [](const Seen& seen) {
            return number_value(static_cast<std::uint64_t>(seen.subscription->options.qos));
        },
        "QoS of the subscription"),
    subscription(
        "rap", Type::Boolean,
        [](const Seen& seen) -> Value {
            if (is_older(seen)) return {};
            return seen.subscription->options.retain_as_published;
        },
        "retain as published"),
    subscription(
        "no_local", Type::Boolean,
        [](const Seen& seen) -> Value {
            if (is_older(seen)) return {};
            return seen.subscription->options.no_local;
        },
        "whether the client's own messages are left out"),
    message("msg_ref", Type::Text, message_reference,
            "identifies a queued message on this node, base64"),
    message(
        "msg_qos", Type::Integer,
        [](const Seen& seen) {
            return number_value(static_cast<std::uint64_t>(seen.message->qos));
        },
        "QoS of the queued message"),
    message(
        "routing_key", Type::Text,
        [](const Seen& seen) { return text_value(seen.message->message->topic()); },
        "topic of the queued message"),
    message(
        "dup", Type::Boolean, [](const Seen& seen) -> Value { return seen.message->sent_before; },
        "whether the queued message may have been sent before"),
    message(
        "payload", Type::Text,
        [](const Seen& seen) { return text_value(seen.message->message->payload()); },
        "payload of the queued message"),
};

constexpr auto kSessionFields = [] {
    std::array<Field, kColumns.size()> fields{};
    for (std::size_t i = 0; i < kColumns.size(); ++i) fields[i] = kColumns[i].field;
    return fields;
}();
static_assert(kSessionFields.size() <= kMaxFields);

constexpr std::size_t place_of(std::string_view name) {
    std::size_t place = 0;
    while (kSessionFields[place].name != name) ++place;
    return place;
}

class SessionRow final : public Row {
public:
    explicit SessionRow(const Seen& seen) : seen_(seen) {}

    [[nodiscard]] Value value(std::size_t field) const override {
        const Column& column = kColumns[field];
        const bool missing =
            (column.about == About::Connection && seen_.connection == nullptr) ||
            (column.about == About::Subscription && seen_.subscription == nullptr) ||
            (column.about == About::Message && seen_.message == nullptr);
        return missing ? Value{} : column.read(seen_);
    }

private:
    const Seen& seen_;
};

/// Which parts of a session the statement looks at.
struct Parts {
    explicit Parts(const Statement& statement) {
        for (std::size_t i = 0; i < kColumns.size(); ++i) {
            if (!statement.uses(i)) continue;
            connections = connections || kColumns[i].about == About::Connection;
            subscriptions = subscriptions || kColumns[i].about == About::Subscription;
            messages = messages || kColumns[i].about == About::Message;
        }
    }

    bool connections = false;
    bool subscriptions = false;
    bool messages = false;
};

/// Calls `visit` with each of `items`; once with null when they are not asked for or, being
/// `optional`, when there are none.
template <typename Item, typename Visit>
void for_each(const std::vector<Item>& items, bool asked, bool optional, const Visit& visit) {
    if (!asked || (optional && items.empty())) {
        visit(items.empty() ? nullptr : &items.front());
        return;
    }
    for (const Item& item : items) visit(&item);
}

void add_rows(const std::string& node, const SessionPicture& session, const Parts& parts,
              Selection& selection) {
    Seen seen{node, session};
    for_each(session.connections, parts.connections, true, [&](const ConnectionPicture* each) {
        seen.connection = each;
        for_each(session.subscriptions, parts.subscriptions, false,
                 [&](const SubscriptionPicture* own) {
                     seen.subscription = own;
                     for_each(session.messages, parts.messages, false,
                              [&](const QueuedMessagePicture* queued) {
                                  seen.message = queued;
                                  if (selection.wants_more()) selection.add(SessionRow(seen));
                              });
                 });
    });
}

std::optional<std::string> required(const Statement& statement, std::size_t field) {
    const std::string* text = statement.required_text(field);
    return text == nullptr ? std::nullopt : std::optional(*text);
}

}  // namespace

SessionTable::SessionTable(const broker::Broker& broker, std::string node)
    : broker_(broker), node_(std::move(node)) {}

std::span<const Field> SessionTable::all_fields() noexcept { return kSessionFields; }

std::vector<std::string> SessionTable::scan(const Statement& statement, Selection& selection) {
    const Parts parts(statement);
    broker::SessionQuestion question;
    question.mountpoint = required(statement, place_of("mountpoint"));
    question.client_id = required(statement, place_of("client_id"));
    question.subscriptions = parts.subscriptions;
    question.messages = parts.messages;
    broker::SessionReader reader(broker_, std::move(question));
    const Millis patience = statement.row_timeout().value_or(kRowTimeout);
    while (selection.wants_more()) {
        const auto sessions = reader.next(patience);
        if (sessions.empty()) break;
        for (const SessionPicture& session : sessions) add_rows(node_, session, parts, selection);
    }
    std::vector<std::string> missing;
    if (!selection.wants_more()) return missing;  // whatever they would have said
    for (const ShardId shard : reader.silent()) {
        missing.push_back("Shard " + std::to_string(shard) + " has not answered within " +
                          std::to_string(patience.count()) + " ms: sessions of it are missing");
    }
    for (const ShardId shard : reader.refused()) {
        missing.push_back("Shard " + std::to_string(shard) +
                          " is asked too much at once: its sessions are missing");
    }
    return missing;
}

}  // namespace vmq::admin::query
