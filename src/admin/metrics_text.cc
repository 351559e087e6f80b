#include "admin/metrics_text.h"

#include <fmt/core.h>

#include <cstddef>
#include <cstdint>
#include <iterator>

#include "mqtt/types.h"

namespace vmq::admin {
namespace {

using metrics::Direction;
using mqtt::PacketType;

enum Versions : std::uint8_t { kMqtt4 = 1, kMqtt5 = 2, kBoth = kMqtt4 | kMqtt5 };

struct PacketRow {
    Direction direction;
    PacketType type;
    Versions versions;
    std::string_view name;
    std::string_view help;
};

/// What a broker receives and sends; mqtt_version 4 stands for 3.1 as well.
constexpr PacketRow kPackets[] = {
    {Direction::Received, PacketType::Connect, kBoth, "mqtt_connect_received",
     "The number of CONNECT packets received."},
    {Direction::Received, PacketType::Publish, kBoth, "mqtt_publish_received",
     "The number of PUBLISH packets received."},
    {Direction::Received, PacketType::Puback, kBoth, "mqtt_puback_received",
     "The number of PUBACK packets received."},
    {Direction::Received, PacketType::Pubrec, kBoth, "mqtt_pubrec_received",
     "The number of PUBREC packets received."},
    {Direction::Received, PacketType::Pubrel, kBoth, "mqtt_pubrel_received",
     "The number of PUBREL packets received."},
    {Direction::Received, PacketType::Pubcomp, kBoth, "mqtt_pubcomp_received",
     "The number of PUBCOMP packets received."},
    {Direction::Received, PacketType::Subscribe, kBoth, "mqtt_subscribe_received",
     "The number of SUBSCRIBE packets received."},
    {Direction::Received, PacketType::Unsubscribe, kBoth, "mqtt_unsubscribe_received",
     "The number of UNSUBSCRIBE packets received."},
    {Direction::Received, PacketType::Pingreq, kBoth, "mqtt_pingreq_received",
     "The number of PINGREQ packets received."},
    {Direction::Received, PacketType::Disconnect, kBoth, "mqtt_disconnect_received",
     "The number of DISCONNECT packets received."},
    {Direction::Received, PacketType::Auth, kMqtt5, "mqtt_auth_received",
     "The number of AUTH packets received."},
    {Direction::Sent, PacketType::Connack, kBoth, "mqtt_connack_sent",
     "The number of CONNACK packets sent."},
    {Direction::Sent, PacketType::Publish, kBoth, "mqtt_publish_sent",
     "The number of PUBLISH packets sent."},
    {Direction::Sent, PacketType::Puback, kBoth, "mqtt_puback_sent",
     "The number of PUBACK packets sent."},
    {Direction::Sent, PacketType::Pubrec, kBoth, "mqtt_pubrec_sent",
     "The number of PUBREC packets sent."},
    {Direction::Sent, PacketType::Pubrel, kBoth, "mqtt_pubrel_sent",
     "The number of PUBREL packets sent."},
    {Direction::Sent, PacketType::Pubcomp, kBoth, "mqtt_pubcomp_sent",
     "The number of PUBCOMP packets sent."},
    {Direction::Sent, PacketType::Suback, kBoth, "mqtt_suback_sent",
     "The number of SUBACK packets sent."},
    {Direction::Sent, PacketType::Unsuback, kBoth, "mqtt_unsuback_sent",
     "The number of UNSUBACK packets sent."},
    {Direction::Sent, PacketType::Pingresp, kBoth, "mqtt_pingresp_sent",
     "The number of PINGRESP packets sent."},
    {Direction::Sent, PacketType::Disconnect, kMqtt5, "mqtt_disconnect_sent",
     "The number of DISCONNECT packets sent."},
    {Direction::Sent, PacketType::Auth, kMqtt5, "mqtt_auth_sent",
     "The number of AUTH packets sent."},
};

/// Label values: backslash, quote and newline are written with a backslash.
std::string escaped(std::string_view value) {
    std::string result;
    for (const char c : value) {
        if (c == '\n') {
            result += "\\n";
            continue;
        }
        if (c == '\\' || c == '"') result += '\\';
        result += c;
    }
    return result;
}

class Writer final {
public:
    Writer(std::string_view prefix, std::string_view node)
        : prefix_(prefix), node_(escaped(node)) {}

    void begin(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        print("# HELP {0}{1} {2}\n# TYPE {0}{1} {3}\n", prefix_, name, help, type);
    }
    void sample(std::uint64_t value) {
        print("{}{}{{node=\"{}\"}} {}\n", prefix_, name_, node_, value);
    }
    void sample(std::string_view mqtt_version, std::uint64_t value) {
        print("{}{}{{node=\"{}\",mqtt_version=\"{}\"}} {}\n", prefix_, name_, node_, mqtt_version,
              value);
    }
    void counter(std::string_view name, std::string_view help, std::uint64_t value) {
        begin(name, "counter", help);
        sample(value);
    }
    void gauge(std::string_view name, std::string_view help, std::uint64_t value) {
        begin(name, "gauge", help);
        sample(value);
    }
    [[nodiscard]] std::string take() && { return std::move(text_); }

private:
    template <typename... Args>
    void print(fmt::format_string<Args...> format, Args&&... args) {
        fmt::format_to(std::back_inserter(text_), format, static_cast<Args&&>(args)...);
    }

    const std::string_view prefix_;
    const std::string node_;
    std::string_view name_;
    std::string text_;
};

void write_counters(Writer& out, const NodeView& view) {
    for (std::size_t i = 0; i < metrics::kCounters; ++i) {
        const auto counter = static_cast<metrics::Counter>(i);
        out.counter(metrics::counter_name(counter), metrics::counter_description(counter),
                    view.node.counter(counter));
    }
    out.counter("http_connections_refused", "HTTP connections closed because there were too many.",
                view.http_connections_refused);
    out.counter("system_wallclock", "Milliseconds since the node was started.",
                static_cast<std::uint64_t>(view.node.uptime.count()));
}

void write_packets(Writer& out, const broker::NodeSnapshot& node) {
    for (const PacketRow& row : kPackets) {
        const auto type = static_cast<unsigned>(row.type);
        out.begin(row.name, "counter", row.help);
        if ((row.versions & kMqtt4) != 0) out.sample("4", node.packet(row.direction, false, type));
        if ((row.versions & kMqtt5) != 0) out.sample("5", node.packet(row.direction, true, type));
    }
}

void write_gauges(Writer& out, const broker::NodeSnapshot& node) {
    out.gauge("queue_processes", "Sessions on this node, connected or not.", node.clients);
    out.gauge("router_subscriptions", "Subscriptions in the routing table.", node.subscriptions);
    out.gauge("retain_messages", "Retained messages.", node.retained_messages);
    out.gauge("retain_memory", "Bytes used for retained messages.", node.retained_bytes);
    out.gauge("active_mqtt_connections", "Connections over TCP and TLS.", node.connections);
    out.gauge("active_mqttws_connections", "Connections over WebSocket.", 0);
    out.gauge("total_active_connections", "Connections of MQTT clients.", node.connections);
}

}  // namespace

std::string metrics_text(const NodeView& view, std::string_view prefix) {
    Writer out(prefix, view.node.node);
    write_counters(out, view);
    write_packets(out, view.node);
    write_gauges(out, view.node);
    return std::move(out).take();
}

}  // namespace vmq::admin
