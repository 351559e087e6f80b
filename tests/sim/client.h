// Client: one MQTT client of a simulated cluster, with a session that lasts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/calm.h"
#include "sim/ledger.h"
#include "sim/node.h"
#include "sim/packets.h"
#include "sim/world.h"

namespace vmq::sim {

/// Goes where it is told, keeps the session's state as MQTT wants it, and tells the ledger. Reads
/// some time after something has come.
class Client final {
public:
    struct Options {
        std::string id;
        bool v5 = true;
        std::string filter;  // empty: it only publishes
        int qos = 0;         // of its subscription
    };
    /// Whom it tells what.
    struct Around {
        /// A CONNACK has come, or another answer that refuses something.
        std::function<void(Client&, std::size_t node, PacketType type, std::uint8_t code)> answered;
        /// The node has something to read.
        std::function<void(std::size_t node)> touch;
    };

    Client(World& world, Ledger& ledger, const Calm& calm, std::size_t number, Options options,
           Around around);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Connects; an earlier connection is left to the broker to end.
    void connect(Node& node, std::size_t index, bool clean = false);
    /// Connects, and its session ends with the connection.
    void connect_to_end(Node& node, std::size_t index);
    /// DISCONNECT, or without a word.
    void disconnect(bool with_a_word);
    void publish(const std::string& topic, int qos, bool retain, bool empty = false);

    /// Takes what has come from `node`. True: there was something.
    bool carry(std::size_t node);

    [[nodiscard]] const std::string& id() const noexcept { return options_.id; }
    [[nodiscard]] std::size_t number() const noexcept { return number_; }
    [[nodiscard]] bool v5() const noexcept { return options_.v5; }
    /// CONNACK has come, and nothing has ended it.
    [[nodiscard]] bool connected() const noexcept {
        return connection_ != nullptr && connection_->accepted;
    }
    [[nodiscard]] bool connecting() const noexcept {
        return connection_ != nullptr && !connection_->accepted;
    }
    [[nodiscard]] std::optional<std::size_t> node() const noexcept {
        return connection_ ? std::optional(connection_->node) : std::nullopt;
    }
    [[nodiscard]] std::size_t unacknowledged() const noexcept { return outgoing_.size(); }
    [[nodiscard]] bool subscribed() const noexcept { return subscribed_; }
    /// It has published something to be retained, or once more, the last time.
    [[nodiscard]] TimePoint retained_at() const noexcept { return retained_at_; }
    [[nodiscard]] TimePoint last_message_at() const noexcept { return last_message_at_; }
    /// Of the message published last.
    [[nodiscard]] std::optional<std::size_t> last_published() const noexcept {
        return last_published_;
    }

private:
    struct Connection {
        int fd = -1;
        std::size_t node = 0;
        std::uint64_t number = 0;
        std::string in;
        bool accepted = false;
        bool clean = false;
        bool ended = false;
        bool planned = false;  // to be read
        std::optional<std::uint8_t> farewell;
    };
    struct Outgoing {
        std::uint16_t id;
        std::size_t message;
        std::string topic;
        std::string payload;
        int qos;
        bool retain;
        bool released = false;
    };

    void note_doubt();
    void open(Node& node, std::size_t index, const Connect& connect);
    void read(const std::shared_ptr<Connection>& connection);
    void handle(Connection& connection, const Packet& packet);
    void on_connack(Connection& connection, const Packet& packet);
    void on_publish(Connection& connection, const Packet& packet);
    void subscribe();
    void send(Connection& connection, const std::string& bytes);
    void end(const std::shared_ptr<Connection>& connection);
    [[nodiscard]] std::uint16_t next_id();

    World& world_;
    Ledger& ledger_;
    const Calm& calm_;
    const std::size_t number_;
    const Options options_;
    const PacketCodec codec_;
    const Around around_;
    const std::size_t subscriber_;
    std::shared_ptr<Connection> connection_;            // the last one
    std::vector<std::shared_ptr<Connection>> earlier_;  // that have not ended
    std::deque<Outgoing> outgoing_;
    std::set<std::uint16_t> incoming_;  // QoS 2, not released
    std::uint16_t last_id_ = 0;
    std::uint64_t last_connection_ = 0;
    bool subscribed_ = false;
    bool maybe_double_ = false;
    TimePoint attempted_at_;
    TimePoint last_message_at_{};
    TimePoint retained_at_{};
    std::optional<std::size_t> last_published_;
};

}  // namespace vmq::sim
