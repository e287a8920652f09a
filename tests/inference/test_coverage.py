"""What the data of a campaign speak of, beyond which a map extrapolates."""

from collections.abc import Callable

import pytest

from data.campaign import Campaign
from inference.coverage import data_ranges
from inference.findings import _depleted

SEPARATORS = (
    "separator,pore_type,pore_radius [nm],thickness [um],porosity [1]\n"
    "fine,polymer,14,25,0.4\nglass,polymer,500,260,0.9"
)
LSV = (
    "cell,separator,layers,concentration [mol/L],temperature [degC],scan_rate [mV/s],plateau,"
    "area [cm^2],plateau_current [mA]\na,glass,1,1,25,0.1,1,0.8,6"
)
PENETRATION = (
    "cell,separator,temperature [degC],current_density [mA/cm^2],outcome\n"
    "a,fine,25,2,survived\nb,fine,25,9,penetrated"
)
SAND = (
    "cell,electrode_distance [mm],concentration [mol/L],temperature [degC],"
    "current_density [mA/cm^2],sand_time [s],stop_time [s]\na,5,1,25,5,{time},3600"
)


def test_a_limiting_current_says_nothing_of_a_pore_radius(
    campaign_of: Callable[..., Campaign],
) -> None:
    both = campaign_of(separators=SEPARATORS, lsv=LSV, penetration=PENETRATION)
    ranges = data_ranges(both)["liquid"]
    assert ranges["pore_radius"] == [14.0, 14.0]
    assert ranges["thickness"] == [25.0, 260.0]
    alone = campaign_of(separators=SEPARATORS, lsv=LSV)
    assert "pore_radius" not in data_ranges(alone)["liquid"]


def test_a_range_over_cells_is_data_on_the_charges_of_its_steps(
    campaign_of: Callable[..., Campaign],
) -> None:
    head = (
        "cell,protocol,temperature [degC],pressure [MPa],current_density_lowest [mA/cm^2],"
        "current_density_highest [mA/cm^2],step_height [mA/cm^2],step_time [min]\n"
    )
    campaign = campaign_of(dc_polarization=head + "a,step,25,0,5,9,1,6")
    assert data_ranges(campaign)["solid step"]["charge"] == pytest.approx([0.5, 0.9])


@pytest.mark.parametrize(("time", "depleted"), [("", False), ("900", True)])
def test_transients_that_were_stopped_before_do_not_separate_transport(
    campaign_of: Callable[..., Campaign], time: str, depleted: bool
) -> None:
    assert _depleted(campaign_of(sand=SAND.format(time=time))) is depleted
