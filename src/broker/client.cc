#include "broker/client.h"

#include "broker/session_moves.h"
#include "broker/shard.h"

namespace vmq::broker {

Client::Client(Shard& owner, ClientNumber given_number, std::string_view given_mountpoint,
               std::string_view given_client_id, queue::Limits limits)
    : shard(owner),
      number(given_number),
      hash(client_hash(given_mountpoint, given_client_id, owner.shared().client_seed)),
      mountpoint(given_mountpoint),
      client_id(given_client_id),
      lane(limits, owner.shared().store->keeps_messages()),
      created_at(owner.now()),
      timer(this, [](void* self, TimePoint now) {
          auto& client = *static_cast<Client*>(self);
          client.shard.on_client_timer(client, now);
      }) {}

Client::~Client() = default;

}  // namespace vmq::broker
