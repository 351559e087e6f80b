#include "vernemq/running_node.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

#include "admin/commands/table.h"
#include "admin/query/drop_table.h"
#include "admin/query/retained_table.h"
#include "admin/query/session_table.h"

namespace vmq::launcher {
namespace {

/// vmq-admin does not link the tables, so the commands name their fields once more.
void expect_fields(std::string_view words, std::span<const admin::query::Field> fields) {
    const auto* command = admin::commands::command_table().find_command(words);
    ASSERT_NE(command, nullptr);
    std::vector<std::string_view> declared;
    for (const admin::commands::Flag& flag : command->flags) declared.push_back(flag.name);
    std::vector<std::string_view> wanted{"limit", "rowtimeout", "order_by"};
    for (const auto& field : fields) wanted.push_back(field.name);
    std::ranges::sort(declared);
    std::ranges::sort(wanted);
    EXPECT_EQ(declared, wanted);
}

TEST(RunningNode, ListsHaveTheFieldsOfTheirTables) {
    expect_fields("session show", admin::query::SessionTable::all_fields());
    expect_fields("drops show", admin::query::DropTable::all_fields());
    expect_fields("retain show", admin::query::RetainedTable::all_fields());
}

}  // namespace
}  // namespace vmq::launcher
