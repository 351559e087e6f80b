#include "man_pages/pages.h"

#include <gtest/gtest.h>

#include "admin/commands/table.h"
#include "config/listener_options.h"
#include "config/setting_table.h"
#include "man_pages/roff.h"

namespace vmq::man_pages {
namespace {

std::string page(std::string_view file) {
    for (const Page& each : pages()) {
        if (each.file == file) return each.text;
    }
    ADD_FAILURE() << "no page " << file;
    return {};
}

bool has_entry(const std::string& text, std::string_view term) {
    return text.find("\n.TP\n\\fB" + escaped(term) + "\\fR\n") != std::string::npos;
}

TEST(Pages, EveryCommandOfVmqAdminIsThere) {
    const std::string text = page("vmq-admin.1");
    for (const auto& command : admin::commands::command_table().commands()) {
        EXPECT_NE(text.find("\n.SS " + escaped("vmq-admin " + std::string(command.words))),
                  std::string::npos)
            << command.words;
        for (const auto& flag : command.flags) {
            EXPECT_NE(text.find(escaped("--" + std::string(flag.name))), std::string::npos)
                << command.words << " " << flag.name;
        }
    }
}

TEST(Pages, EverySettingIsThere) {
    const std::string text = page("vernemq.conf.5");
    for (const auto& setting : config::SettingTable::instance().rows()) {
        if (setting.key.starts_with("listener.")) continue;
        if (setting.status == config::Status::Obsolete) {
            EXPECT_NE(text.find(escaped(setting.key)), std::string::npos) << setting.key;
        } else {
            EXPECT_TRUE(has_entry(text, setting.key)) << setting.key;
        }
    }
    for (const auto& option : config::listener_options()) {
        EXPECT_TRUE(has_entry(text, option.setting.key)) << option.setting.key;
    }
}

TEST(Pages, TheProgramsSayWhatTheirHelpSays) {
    const std::string text = page("vernemq.8");
    for (const char* heading : {"RUNNING", "CONFIGURATION", "EXIT STATUS", "SIGNALS", "FILES"}) {
        EXPECT_NE(text.find(std::string("\n.SH ") + heading + "\n"), std::string::npos) << heading;
    }
    EXPECT_TRUE(has_entry(text, "chkconfig"));
    EXPECT_TRUE(has_entry(text, "config describe KEY"));
    EXPECT_TRUE(has_entry(page("vmq-passwd.1"), "-H SCHEME"));
}

}  // namespace
}  // namespace vmq::man_pages
