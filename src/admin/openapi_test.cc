#include "admin/openapi.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "admin/commands/table.h"

namespace vmq::admin {
namespace {

class OpenApi : public ::testing::Test {
protected:
    const boost::json::value document_ =
        boost::json::parse(openapi_json(commands::command_table()));
    const boost::json::object& paths_ = document_.at("paths").as_object();
};

TEST_F(OpenApi, HasEveryCommandThatCanBeRunOverHttp) {
    EXPECT_EQ(document_.at("openapi").as_string(), "3.0.3");
    for (const commands::Command& command : commands::command_table().commands()) {
        std::string path = "/api/v1/" + std::string(command.words);
        for (char& c : path) c = c == ' ' ? '/' : c;
        if (command.operands == commands::Operands::Keys) path += "/{key}";
        const auto* found = paths_.if_contains(path);
        const bool local = command.access == commands::Access::Local || command.streams;
        EXPECT_EQ(found == nullptr, local) << path;
        if (found == nullptr) continue;
        EXPECT_TRUE(found->as_object().contains("get")) << path;
        EXPECT_EQ(found->as_object().contains("post"), command.access == commands::Access::Change)
            << path;
    }
}

TEST_F(OpenApi, ArgumentsAndFlagsAreParameters) {
    const auto& get = paths_.at("/api/v1/session/disconnect").at("get");
    const auto& parameters = get.at("parameters").as_array();
    EXPECT_EQ(parameters.at(0).at("name").as_string(), "client-id");
    EXPECT_TRUE(parameters.at(0).at("required").as_bool());
    EXPECT_EQ(parameters.at(1).at("name").as_string(), "--cleanup");
    EXPECT_EQ(parameters.at(1).at("schema").at("type").as_string(), "boolean");
}

}  // namespace
}  // namespace vmq::admin
