#include "admin/commands/fake_node.h"

namespace vmq::admin::commands {
namespace {

TEST_F(CommandTest, NodeStatusHasVerneMqsRowsInItsOrder) {
    node.now.connections = 2;
    node.now.clients = 5;
    auto& cells = node.now.numbers.totals.cells;
    cells[metrics::cell::of(metrics::Counter::QueueMessageDrop)] = 7;
    constexpr auto kPublish = static_cast<std::uint8_t>(mqtt::PacketType::Publish);
    cells[metrics::cell::of(metrics::PacketKind{metrics::Direction::Received, true, kPublish})] = 4;
    EXPECT_EQ(out("node status --format=csv"),
              "Status,Value\r\nnum_online,2\r\nnum_offline,3\r\nmsg_in,4\r\nmsg_out,0\r\n"
              "queue_in,0\r\nqueue_out,0\r\nqueue_drop,7\r\nqueue_unhandled,0\r\n"
              "num_subscriptions,0\r\nnum_retained,0\r\nmatches_local,0\r\nmatches_remote,0\r\n"
              "version,0.1.0\r\n");
}

TEST_F(CommandTest, BackupGoesWhereTheBrokerFindsIt) {
    EXPECT_EQ(out("backup path=/b/c"), "Done\n");
    EXPECT_EQ(calls(), Calls{"backup /b/c"});
    EXPECT_EQ(run("backup path=b/c").status, 1);
    EXPECT_EQ(calls(), Calls{});
    node.outcome = Error{ErrorCode::StorageFull, "no space"};
    EXPECT_EQ(out("backup path=/b"), "Can't make a backup: no space\n");
    EXPECT_EQ(run("backup path=/b").status, 1);
}

}  // namespace
}  // namespace vmq::admin::commands
