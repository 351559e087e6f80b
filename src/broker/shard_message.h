// The closed list of what one shard may send another.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "base/ids.h"
#include "base/output_buffer.h"
#include "broker/connection_trace.h"
#include "mqtt/message.h"
#include "routing/subscription_index.h"
#include "session/connect_plan.h"
#include "session/host.h"
#include "transport/byte_layers.h"
#include "transport/peer_address.h"

namespace vmq::broker {

class Listener;

/// Names a connection for the life of the process; 0: none.
enum class ConnectionNumber : std::uint64_t {};

/// Who waits to hear that a message is safe. Connection 0: nobody.
struct Reply {
    ConnectionNumber connection{};
    session::AckTicket ticket = 0;
    ShardId shard = 0;

    [[nodiscard]] bool wanted() const noexcept { return connection != ConnectionNumber{}; }
};

/// A message for the subscribers of these filters on the receiving shard. Without a message: the
/// reply is wanted for all that came before.
struct Deliver {
    mqtt::MessagePtr message;
    boost::container::small_vector<routing::SubscriptionKey, 2> filters;
    Reply reply;
};

/// The way of a message for a shared group between nodes.
struct GroupPath {
    std::uint8_t hops = 0;   // how many nodes have passed it on
    ShardSet except = 0;     // of the one it does not go (back) to
    ShardSet sender = 0;     // that one: the last resort
    bool from_node = false;  // another node waits for its acknowledgement
};

/// A message for one member of a shared group; if it cannot take it, another is chosen.
struct DeliverShared {
    mqtt::MessagePtr message;
    routing::SubscriptionKey group;
    ClientNumber member;
    Reply reply;
    boost::container::small_vector<ClientNumber, 2> tried = {};  // members that could not take it
    bool last_chance = false;                                    // nobody else is asked any more
    /// Whose queue it was taken from and gets it back when nobody else can have it; 0: nobody.
    ClientNumber keeper{};
    ShardId keeper_shard = 0;
    GroupPath path = {};
    bool forwarded = false;  // another node has it, or will; whoever keeps it answers the reply
};

/// A message for one session alone, see LateMessages.
struct DeliverSession {
    mqtt::MessagePtr message;
    std::string client_id;
    Reply reply;
    std::uint32_t from = 0;  // NodeNumber of who sends it
    bool passed_on = false;  // and has got it for the session in the same way
};

/// The answer to a Reply.
struct Confirm {
    ConnectionNumber connection;
    session::AckTicket ticket;
    bool safe;
};

/// A connection whose CONNECT was accepted, on its way to the home shard of its client id.
struct MovedConnection {
    int fd = -1;
    Listener* listener = nullptr;
    transport::PeerAddress peer;
    std::string unread;                             // bytes behind the CONNECT
    std::string unsent;                             // what the socket has not taken yet
    std::unique_ptr<transport::ByteLayers> layers;  // or null
    std::unique_ptr<OutputBuffer> wire;             // what they have not written yet, or null
    session::ConnectPlan plan;
    ConnectionNumber accepted_as{};          // its number on the shard where it came in
    std::unique_ptr<ConnectionTrace> trace;  // or null
};
struct MoveConnection {
    std::unique_ptr<MovedConnection> moved;
};

/// A frame about a session that moves between nodes, on its way from the shard with the link.
struct MoveMail {
    std::uint32_t node = 0;  // NodeNumber of its sender
    bool answer = false;
    std::unique_ptr<std::string> body;
};
/// All that the sending shard had for the receiving one is before it; or more of it arrives.
struct FenceMail {
    std::uint64_t ticket = 0;
    bool passed = true;
};

using ShardMessage = std::variant<Deliver, DeliverShared, DeliverSession, Confirm, MoveConnection,
                                  MoveMail, FenceMail>;

}  // namespace vmq::broker
