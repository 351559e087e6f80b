#include "broker/publisher.h"

#include <gtest/gtest.h>

#include "broker/broker.h"

namespace vmq::broker {
namespace {

TEST(PublisherShards, PublishesBelowTheServersOwnTopicsAndIsNoClient) {
    BrokerOptions options;
    options.shards = 2;
    Broker broker(options);
    ASSERT_TRUE(broker.start());
    const Publisher publisher(broker);
    publisher.publish({{"", "$SYS/n/a", "1", mqtt::QoS::AtMostOnce, true},
                       {"m", "$SYS/n/a", "2", mqtt::QoS::AtLeastOnce, true},
                       {"", "$SYS/n/b", "3", mqtt::QoS::AtMostOnce, false}});
    broker.stop();  // what was handed over has been published
    EXPECT_EQ(broker.shared().retained.size(), 2U);
    metrics::Totals totals;
    for (const auto& shard : broker.shards()) {
        shard->counters().add_to(totals);
        EXPECT_EQ(shard->drops().picture().totals, decltype(DropPicture::totals){});
    }
    EXPECT_EQ(totals.get(metrics::Counter::DropNoSubscriber), 0U);
}

}  // namespace
}  // namespace vmq::broker
