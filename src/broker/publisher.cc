#include "broker/publisher.h"

#include <utility>

#include "broker/broker.h"

namespace vmq::broker {
namespace {

session::PublishIntent intent_of(const Publication& publication) {
    session::PublishIntent intent;
    intent.mountpoint = publication.mountpoint;
    intent.topic = publication.topic;
    intent.payload = publication.payload;
    intent.qos = publication.qos;
    intent.retain = publication.retain;
    intent.properties = publication.properties;
    intent.message_expiry_s = publication.message_expiry_interval;
    return intent;
}

}  // namespace

void Publisher::publish(std::vector<Publication> publications, std::function<void()> done) const {
    Shard& shard = *broker_.shards().front();
    broker_.post(shard.id(),
                 [&shard, publications = std::move(publications), done = std::move(done)] {
                     for (const Publication& publication : publications) {
                         (void)shard.route(intent_of(publication), {});
                     }
                     if (done) done();
                 });
}

}  // namespace vmq::broker
