#include "sim/client.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

namespace vmq::sim {
namespace {

constexpr std::uint32_t kExpiry = 3600;
constexpr std::uint16_t kSubscribeId = 60'000;
constexpr std::uint16_t kMostIds = 50'000;
constexpr Millis kSubscribeAgain{300};
constexpr std::uint8_t kSessionTakenOver = 0x8E;

}  // namespace

Client::Client(World& world, Ledger& ledger, const Calm& calm, std::size_t number, Options options,
               Around around)
    : world_(world),
      ledger_(ledger),
      calm_(calm),
      number_(number),
      options_(std::move(options)),
      codec_(options_.v5),
      around_(std::move(around)),
      subscriber_(ledger.add_subscriber(options_.filter, options_.qos)),
      attempted_at_(world.now) {}

Client::~Client() {
    if (connection_ && connection_->fd >= 0) ::close(connection_->fd);
    for (const auto& each : earlier_) {
        if (each->fd >= 0) ::close(each->fd);
    }
}

void Client::connect(Node& node, std::size_t index, bool clean) {
    open(node, index, {options_.id, clean, kExpiry});
}

void Client::connect_to_end(Node& node, std::size_t index) {
    open(node, index, {options_.id, true, 0});
}

void Client::open(Node& node, std::size_t index, const Connect& connect) {
    world_.note("connect", number_, index);
    if (connection_) earlier_.push_back(std::exchange(connection_, nullptr));
    Ledger::Subscriber& session = ledger_.subscriber(subscriber_);
    if (session.home && *session.home != index) {
        session.home.reset();
        ++session.home_number;
    }
    note_doubt();
    attempted_at_ = world_.now;
    connection_ = std::make_shared<Connection>();
    connection_->fd = node.connect();
    connection_->node = index;
    connection_->number = (number_ + 1) << 32U | ++last_connection_;
    connection_->clean = connect.clean_start;
    send(*connection_, codec_.connect(connect));
}

// Where a node cannot be asked, or has just come back, there may be two sessions: also by the
// attempt before this one, whatever came of it.
void Client::note_doubt() {
    if (calm_.all_for(world_.now - attempted_at_ + Calm::kSettled)) return;
    ledger_.subscriber(subscriber_).maybe_double = maybe_double_ = true;
}

void Client::disconnect(bool with_a_word) {
    if (!connection_) return;
    world_.note(with_a_word ? "disconnect" : "drop", number_);
    if (with_a_word && connection_->accepted) send(*connection_, PacketCodec::disconnect());
    if (connection_->fd >= 0) ::close(std::exchange(connection_->fd, -1));
    around_.touch(connection_->node);
    connection_->ended = true;
    connection_.reset();
}

std::uint16_t Client::next_id() {
    do {
        last_id_ = static_cast<std::uint16_t>(last_id_ % kMostIds + 1);
    } while (std::ranges::any_of(outgoing_,
                                 [this](const Outgoing& each) { return each.id == last_id_; }));
    return last_id_;
}

void Client::publish(const std::string& topic, int qos, bool retain, bool empty) {
    if (!connected()) return;
    const std::size_t message =
        ledger_.sent(number_, connection_->number, topic, qos, connection_->node);
    if (maybe_double_) ledger_.sent_again(message, true);
    last_published_ = message;
    const std::string payload = empty ? std::string() : std::to_string(message);
    const std::uint16_t id = qos > 0 ? next_id() : std::uint16_t{0};
    world_.note("publish", number_, message);
    if (qos > 0) outgoing_.push_back({id, message, topic, payload, qos, retain});
    if (retain) retained_at_ = world_.now;
    send(*connection_, codec_.publish(topic, payload, qos, id, false, retain));
}

void Client::send(Connection& connection, const std::string& bytes) {
    if (connection.fd < 0) return;
    // Packets are small and few: what the socket does not take means that the broker hangs.
    (void)::send(connection.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    around_.touch(connection.node);
}

bool Client::carry(std::size_t node) {
    bool moved = false;
    std::vector<std::shared_ptr<Connection>> all = earlier_;
    if (connection_) all.push_back(connection_);
    for (const auto& each : all) {
        if (each->node != node || each->fd < 0 || each->ended) continue;
        std::array<char, 16'384> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
        while (true) {
            const ssize_t size = ::recv(each->fd, buffer.data(), buffer.size(), 0);
            if (size < 0 && errno == EAGAIN) break;
            moved = true;
            if (size <= 0) {
                each->ended = true;
                break;
            }
            each->in.append(buffer.data(), static_cast<std::size_t>(size));
        }
        if ((each->ended || !each->in.empty()) && !std::exchange(each->planned, true)) {
            world_.after(world_.between(0, 3), [this, each] { read(each); });
        }
    }
    return moved;
}

void Client::read(const std::shared_ptr<Connection>& connection) {
    connection->planned = false;
    if (connection->fd < 0) return;
    while (const auto packet = codec_.take(connection->in)) {
        world_.note("packet", number_,
                    static_cast<std::uint64_t>(packet->type) << 8U | packet->code);
        handle(*connection, *packet);
        if (connection->fd < 0) return;
    }
    if (connection->ended) end(connection);
}

void Client::end(const std::shared_ptr<Connection>& connection) {
    world_.note("ended", number_, connection->number);
    ::close(std::exchange(connection->fd, -1));
    const bool replaced = connection != connection_;
    // Of two connections the earlier one is told so.
    if (replaced && connection->accepted && options_.v5 && calm_.all_for(Calm::kSettled) &&
        connection->farewell != kSessionTakenOver) {
        ledger_.fail(9, options_.id + ": a connection was taken over without DISCONNECT 0x8E");
    }
    std::erase(earlier_, connection);
    if (!replaced) connection_.reset();
}

void Client::handle(Connection& connection, const Packet& packet) {
    const auto find = [&] {
        return std::ranges::find_if(outgoing_,
                                    [&](const Outgoing& each) { return each.id == packet.id; });
    };
    switch (packet.type) {
        case PacketType::Connack:
            return on_connack(connection, packet);
        case PacketType::Publish:
            return on_publish(connection, packet);
        case PacketType::Pubrel:
            incoming_.erase(packet.id);
            return send(connection, PacketCodec::answer(PacketType::Pubcomp, packet.id));
        case PacketType::Puback: {
            const auto at = find();
            if (packet.code >= 0x80) {
                around_.answered(*this, connection.node, packet.type, packet.code);
            }
            if (at == outgoing_.end()) return;
            if (packet.code < 0x80) ledger_.acknowledged(at->message);
            outgoing_.erase(at);
            return;
        }
        case PacketType::Pubrec: {
            const auto at = find();
            if (packet.code >= 0x80) {
                around_.answered(*this, connection.node, packet.type, packet.code);
                if (at != outgoing_.end()) outgoing_.erase(at);
                return;
            }
            if (at != outgoing_.end()) {
                ledger_.acknowledged(at->message);
                at->released = true;
            }
            return send(connection, PacketCodec::answer(PacketType::Pubrel, packet.id));
        }
        case PacketType::Pubcomp:
            if (const auto at = find(); at != outgoing_.end()) outgoing_.erase(at);
            return;
        case PacketType::Suback:
            if (packet.code >= 0x80) {
                around_.answered(*this, connection.node, packet.type, packet.code);
                world_.after(kSubscribeAgain, [this] { subscribe(); });
                return;
            }
            if (&connection != connection_.get()) return;
            subscribed_ = true;
            ledger_.subscriber(subscriber_).subscribed_since = world_.now;
            return;
        case PacketType::Disconnect:
            connection.farewell = packet.code;
            return;
        default:
            return;
    }
}

void Client::on_connack(Connection& connection, const Packet& packet) {
    around_.answered(*this, connection.node, packet.type, packet.code);
    if (packet.code != 0 || &connection != connection_.get()) return;
    connection.accepted = true;
    note_doubt();
    Ledger::Subscriber& session = ledger_.subscriber(subscriber_);
    if (!packet.session_present) {
        if (subscribed_ && !connection.clean && !session.maybe_double &&
            calm_.all_for(Calm::kSettled)) {
            ledger_.fail(1, options_.id + ": its session is gone");
        }
        subscribed_ = false;
        session.subscribed_since.reset();
        session.home.reset();
        incoming_.clear();
        outgoing_.clear();
    }
    if (!session.home) {
        session.home = connection.node;
        session.home_since = world_.now;
        ++session.home_number;
    }
    for (const Outgoing& each : outgoing_) {
        if (each.released) {
            send(connection, PacketCodec::answer(PacketType::Pubrel, each.id));
        } else {
            ledger_.sent_again(each.message, maybe_double_);
            if (each.retain) retained_at_ = world_.now;
            send(connection,
                 codec_.publish(each.topic, each.payload, each.qos, each.id, true, each.retain));
        }
    }
    subscribe();
}

void Client::subscribe() {
    if (options_.filter.empty() || subscribed_ || !connected()) return;
    send(*connection_, codec_.subscribe(kSubscribeId, options_.filter, options_.qos));
}

void Client::on_publish(Connection& connection, const Packet& packet) {
    last_message_at_ = world_.now;
    std::size_t message = 0;
    (void)std::from_chars(packet.payload.data(), packet.payload.data() + packet.payload.size(),
                          message);
    const bool known = packet.qos == 2 && !incoming_.insert(packet.id).second;
    if (!known) ledger_.received(subscriber_, message, packet.qos, packet.dup);
    if (packet.qos == 1) send(connection, PacketCodec::answer(PacketType::Puback, packet.id));
    if (packet.qos == 2) send(connection, PacketCodec::answer(PacketType::Pubrec, packet.id));
}

}  // namespace vmq::sim
