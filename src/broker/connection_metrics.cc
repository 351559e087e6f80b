// What a connection counts of its packets and of its end.
#include "broker/connection.h"
#include "broker/shard.h"

namespace vmq::broker {

using metrics::Counter;
using metrics::Direction;
using metrics::VersionCounter;
using session::CloseCause;

namespace {

metrics::PacketKind packet_kind(Direction direction, mqtt::ProtocolVersion version,
                                mqtt::PacketType type, mqtt::ReasonCode reason) noexcept {
    const auto number = static_cast<std::uint8_t>(type);
    if (version == mqtt::ProtocolVersion::V5) {
        return {direction, true, number, static_cast<std::uint8_t>(reason)};
    }
    const bool connack = type == mqtt::PacketType::Connack;
    return {direction, false, number,
            connack ? mqtt::connack_return_code(reason) : std::uint8_t{0}};
}

}  // namespace

void Connection::count_close() {
    switch (cause_) {
        case CloseCause::KeepAliveTimeout:
            return count_error(VersionCounter::ClientKeepaliveExpired);
        case CloseCause::ProtocolError:
        case CloseCause::PacketTooLarge:
            return shard_.metrics().add(Counter::SessionProtocolError);
        case CloseCause::TakenOver:
            return shard_.metrics().add(Counter::SessionTakenOver);
        case CloseCause::ConnectTimeout:
            return shard_.metrics().add(Counter::SocketCloseTimeout);
        default:
            return;
    }
}

void Connection::count_error(VersionCounter counter) {
    const bool v5 = session_     ? session_->v5()
                    : handshake_ ? handshake_->plan().version == mqtt::ProtocolVersion::V5
                                 : false;
    shard_.metrics().add(counter, v5);
}

void Connection::count_received(mqtt::ProtocolVersion version, mqtt::PacketType type,
                                mqtt::ReasonCode reason) {
    shard_.metrics().add(packet_kind(Direction::Received, version, type, reason));
}

void Connection::count_sent(mqtt::ProtocolVersion version, mqtt::PacketType type,
                            mqtt::ReasonCode reason) {
    shard_.metrics().add(packet_kind(Direction::Sent, version, type, reason));
}

}  // namespace vmq::broker
